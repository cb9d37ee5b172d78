"""Sets and intervals cover what happens in the stated share of all cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.conftest import Simulations
from tests.evaluation.examinations.subjects import GOALS

from kreis.evaluation.coverage.fit import conformal_quantile, fit_coverage, kind_of, rows_needed
from kreis.tasks.decisions import Cheapest, Cut, Identity, Level, Placed, Rank
from kreis.tasks.goal_metric import task_of
from kreis.tasks.outcomes import class_number

CLASSES = ("low", "middle", "high")
COSTS = Cheapest(CLASSES, tuple(tuple(float(i != j) for j in range(3)) for i in range(3)))
TASKS = {name: task_of(metric, None) for name, metric in GOALS.items()}


@pytest.mark.parametrize(("level", "needed"), [(0.9, 9), (0.8, 4), (0.95, 19), (0.5, 1)])
def test_quantile_is_one_of_the_values_from_enough_rows_on(level, needed):
    values = np.arange(1.0, needed + 1)
    assert rows_needed(level) == needed
    assert conformal_quantile(values, level) == needed
    assert math.isinf(conformal_quantile(values[:-1], level))


def test_quantile_covers_a_further_value_with_the_stated_chance():
    """Exactly: of 19 values in every order, the 18th is at least as great as a 20th in 18 of 20 places."""
    values = np.arange(19.0)
    found = conformal_quantile(values, 0.9)
    assert np.mean([place <= found for place in np.arange(-0.5, 19.5, 1.0)]) == pytest.approx(0.9, abs=0.05)
    assert found == 17.0


@pytest.mark.parametrize(
    ("task", "decision", "kind"),
    [
        ("binary", Cut(0.2), "yes or no"),
        ("multiclass", COSTS, "classes"),
        ("multiclass", Placed(CLASSES), None),
        ("regression", Identity(), "number"),
        ("regression", Level((0.1, 0.9), 0.9), "quantiles"),
        ("regression", Level((0.9,), 0.9), "number"),
        ("regression", Rank("desk"), None),
    ],
)
def test_kind_is_read_off_the_decision(task, decision, kind):
    assert kind_of(TASKS[task], decision) == kind


def world(kind: str, count: int, seed: int):
    """Scores and outcomes of rows of two groups; the second is harder to predict."""
    rng = np.random.default_rng(seed)
    hard = rng.random(count) < 0.3
    groups = np.where(hard, "hard", "easy").tolist()
    noise = np.where(hard, 3.0, 1.0)
    if kind == "binary":
        wish = rng.normal(size=count) * 2
        happened = (wish + noise * rng.logistic(size=count) > 0).astype(float)
        return 1 / (1 + np.exp(-wish)), happened, groups
    if kind == "multiclass":
        wish = rng.normal(size=(count, 3)) * 2
        noisy = wish + noise[:, None] * rng.gumbel(size=(count, 3))
        numbers = np.array([class_number(each) for each in CLASSES])
        powers = np.exp(wish)
        return powers / powers.sum(axis=1, keepdims=True), numbers[noisy.argmax(axis=1)], groups
    mean = rng.normal(size=count) * 10
    happened = mean + noise * (1 + np.abs(mean) / 5) * rng.standard_t(5, size=count)
    return mean, happened, groups


def covered(part, scores, outcomes, groups, task):
    if hasattr(part, "included"):
        return part.included(scores, groups)[np.arange(len(scores)), task.labels(outcomes).astype(int)]
    low, high = part.ends(scores, groups)
    return (low <= outcomes) & (outcomes <= high)


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_coverage_holds_in_all_and_in_each_group(kind, method):
    task = TASKS[kind]
    decision = {"binary": Cut(0.5), "multiclass": COSTS, "regression": Identity()}[kind]
    scores, outcomes, groups = world(kind, 20_000, 0)
    given = fit_coverage(task, decision, scores, outcomes, level=0.9, by="group", groups=groups, method=method)
    pooled = fit_coverage(task, decision, scores, outcomes, level=0.9, method=method)
    later, happened, of = world(kind, 40_000, 1)
    hard = np.array(of) == "hard"
    own = covered(given, later, happened, of, task)
    assert own.mean() == pytest.approx(0.9, abs=0.01)
    assert own[hard].mean() == pytest.approx(0.9, abs=0.015)
    assert own[~hard].mean() == pytest.approx(0.9, abs=0.01)
    every = covered(pooled, later, happened, None, task)
    assert every.mean() == pytest.approx(0.9, abs=0.01)
    assert every[hard].mean() < 0.87  # what groups are for


def test_quantiles_are_widened_or_narrowed_until_they_cover():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=10_000) * 10
    happened = mean + rng.normal(size=10_000)
    for half in (0.5, 4.0):
        scores = np.stack([mean - half, mean, mean + half], axis=1)
        part = fit_coverage(
            TASKS["regression"], Level((0.1, 0.5, 0.9), 0.9), scores[:5_000], happened[:5_000], level=0.9
        )
        assert part.quantile.pooled == pytest.approx(1.645 - half, abs=0.06)
        low, high = part.ends(scores[5_000:], None)
        assert np.mean((low <= happened[5_000:]) & (happened[5_000:] <= high)) == pytest.approx(0.9, abs=0.015)


def test_an_interval_is_wider_where_errors_are_greater():
    scores, outcomes, _ = world("regression", 10_000, 0)
    part = fit_coverage(TASKS["regression"], Identity(), scores, outcomes, level=0.9)
    low, high = part.ends(np.array([0.0, 30.0]), None)
    assert (high - low)[1] > 2 * (high - low)[0]
    assert part.rows == 5_000  # the other half told the spread


def test_a_group_with_too_few_rows_takes_what_holds_for_all():
    scores, outcomes, _ = world("binary", 500, 0)
    groups = ["few"] * 49 + ["many"] * 451
    part = fit_coverage(TASKS["binary"], Cut(0.5), scores, outcomes, level=0.9, by="group", groups=groups)
    assert list(part.quantile.groups) == ["many"]


@pytest.mark.parametrize("level", [0.9, 0.99, 0.995, 0.999])
@pytest.mark.parametrize("more", [0, 1, 60, 400])
def test_an_interval_that_may_be_fitted_is_finite(level, more):
    """Half of the rows tell the spread, where the other half is enough for the level."""
    count = rows_needed(level) + more
    scores, outcomes = np.random.default_rng(0).normal(size=(2, count))
    part = fit_coverage(TASKS["regression"], Identity(), scores, outcomes, level=level)
    assert np.isfinite(part.quantile.pooled)


@pytest.mark.simulation
@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_so_few_rows_cover_a_further_one_at_least_as_often_as_they_say(kind, method, simulations: Simulations):
    """24 rows have a quantile at 0.9 (the 23rd of 25 places); over all that may be drawn they cover 92% and more."""
    task, decision = TASKS[kind], {"binary": Cut(0.5), "multiclass": COSTS, "regression": Identity()}[kind]
    runs = 10 * simulations.runs(200)
    scores, outcomes, _ = world(kind, 25 * runs, 0)
    held = 0
    for run in range(runs):
        rows, further = slice(25 * run, 25 * run + 24), slice(25 * run + 24, 25 * run + 25)
        part = fit_coverage(task, decision, scores[rows], outcomes[rows], level=0.9, method=method)
        held += int(covered(part, scores[further], outcomes[further], None, task)[0])
    simulations.at_least(f"coverage from 24 rows, {kind} by {method}", held, runs, 0.9)
