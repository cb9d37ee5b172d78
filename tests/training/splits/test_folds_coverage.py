"""How often the interval of a cross-validation holds what the released model is worth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.conftest import Simulations

from kreis.arrays import Booleans, Floats
from kreis.evaluation.intervals import estimate
from kreis.evaluation.scored import Scored
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.task import metric_named
from kreis.training.splits.cross_validation import CrossValidation

VALUE = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-60)
TASK = VALUE.task
WEIGHTS = np.array([1.0, -0.7, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0])


def drawn(rng: np.random.Generator, rows: int) -> tuple[Floats, Booleans]:
    matrix = rng.normal(size=(rows, len(WEIGHTS)))
    return matrix, rng.random(rows) < 1 / (1 + np.exp(0.5 - matrix @ WEIGHTS))


def fitted(matrix: Floats, outcomes: Booleans) -> LogisticRegression:
    return LogisticRegression(C=1.0).fit(matrix, outcomes)


def judged(matrix: Floats, outcomes: Booleans, rule: CrossValidation):
    """Scores in folds, as evaluation takes them."""
    time = np.zeros(len(outcomes), dtype=np.int64)
    split = rule.split(time, time, outcomes.astype(float), task=TASK)
    scores = [
        fitted(matrix[fold.train], outcomes[fold.train]).predict_proba(matrix[fold.test])[:, 1] for fold in split.folds
    ]
    folds = [(len(fold.test), TASK.plain) for fold in split.folds]
    rows = Scored("folds", np.concatenate(scores), TASK.plain, folds=folds).rows(outcomes[split.judging], TASK)
    return rows, split.judging


@pytest.mark.simulation
@pytest.mark.parametrize(("rows", "repeats"), [(150, 1), (150, 3)])
def test_an_interval_over_folds_holds_what_the_released_model_is_worth(
    rows: int, repeats: int, simulations: Simulations
):
    """Folds share most of what they learn from, so the interval is too narrow (Bengio and Grandvalet 2004)."""
    from dataclasses import replace

    rng, runs = np.random.default_rng(11), simulations.runs(150)
    held = {"value": 0, "auc": 0, "brier": 0}
    fresh, happened = drawn(np.random.default_rng(99), 10_000)
    for _ in range(runs):
        matrix, outcomes = drawn(rng, rows)
        found, blocks = judged(matrix, outcomes, CrossValidation(repeats=repeats))
        found = replace(found, blocks_are="rows", repeats=repeats)
        released = fitted(matrix, outcomes).predict_proba(fresh)[:, 1]
        truth = Scored("released", released, TASK.plain).rows(happened, TASK)
        for name in held:
            metric = metric_named(name, TASK)
            each = estimate(metric, found, blocks)
            held[name] += each.low <= metric.value(truth) <= each.high
    for name, count in held.items():
        simulations.at_least(f"interval of {name}, {rows} rows in 5 folds, {repeats} times", count, runs, 0.9)
