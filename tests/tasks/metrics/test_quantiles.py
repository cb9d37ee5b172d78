"""Metrics of quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import UNSET
from sklearn.metrics import mean_pinball_loss

from kreis.errors import ProjectError
from kreis.tasks.decisions import Identity
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import metric_named

COST = ErrorCost("EUR per hour", over=1.0, under=3.0, quantiles=(0.9, 0.1))


def test_what_is_decided_by_is_among_the_quantiles():
    assert (COST.quantiles, COST.levels) == ((0.1, 0.9), (0.1, 0.75, 0.9))
    assert ErrorCost("EUR", over=1.0, under=3.0).levels == ()
    assert "quantiles" not in ErrorCost("EUR", over=1.0, under=3.0).to_document()
    with pytest.raises(ProjectError, match=r"1\.0 is not between 0 and 1"):
        ErrorCost("EUR", over=1.0, under=3.0, quantiles=(0.5, 1.0))


def test_metrics_agree_with_scikit_learn_and_with_counting():
    rng = np.random.default_rng(2)
    outcomes = rng.normal(size=500)
    scores = np.sort(rng.normal(size=(500, 3)), axis=1)
    rows = COST.task.rows(outcomes, scores, COST.task.plain, where="here")
    found = {name: metric_named(name, COST.task).value(rows) for name in ("pinball_loss", "coverage", "width", "value")}
    losses = [mean_pinball_loss(outcomes, column, alpha=a) for column, a in zip(scores.T, COST.levels, strict=True)]
    inside = (scores[:, 0] <= outcomes) & (outcomes <= scores[:, 2])
    assert found["pinball_loss"] == pytest.approx(np.mean(losses))
    assert (found["coverage"], found["width"]) == (inside.mean(), pytest.approx(np.ptp(scores, axis=1).mean()))
    assert found["value"] == pytest.approx(-4_000 * losses[1])


def test_a_rules_one_number_stands_for_all_quantiles():
    rows = COST.task.rows(np.array([1.0, 2.0]), np.array([1.0, 1.0]), Identity(), where="here")
    assert metric_named("width", COST.task).value(rows) == 0
    assert metric_named("coverage", COST.task).value(rows) == 0.5


def test_quantiles_that_are_too_narrow_are_moved_apart_and_true_ones_are_mostly_left():
    rng = np.random.default_rng(3)
    levels = np.array([-1.2816, 0.6745, 1.2816])
    outcomes = rng.normal(size=1_000)
    narrow = COST.task.fit_decision(np.tile(levels * 0.6, (1_000, 1)), outcomes)
    assert narrow.decision == COST.task.plain
    assert np.array(narrow.offsets) == pytest.approx(0.4 * levels, abs=0.15)
    moved = [
        COST.task.fit_decision(np.tile(levels, (500, 1)), rng.normal(size=500)).offsets is not UNSET for _ in range(40)
    ]
    assert np.mean(moved) < 0.6
    assert COST.task.fit_decision(np.tile(levels * 0.6, (40, 1)), outcomes[:40]).offsets is UNSET
