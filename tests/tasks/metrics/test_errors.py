"""Metrics of numbers: equal to scikit-learn's, with influences that the jackknife confirms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kreis.tasks.metrics.metric import Rows
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import metric_named

TASK = ErrorCost("EUR", over=1.0, under=3.0, per=10).task
NAMES = [each.name for each in TASK.metrics]


def rows(count: int = 300) -> Rows:
    rng = np.random.default_rng(2)
    outcomes = rng.gamma(3, 40, count)
    decisions = outcomes + rng.normal(size=count) * 20 + 3
    return Rows(outcomes, decisions, decisions)


def test_metrics_agree_with_scikit_learn():
    given = rows()
    expected = {
        "mean_absolute_error": reference.mean_absolute_error(given.outcomes, given.decisions),
        "root_mean_squared_error": reference.root_mean_squared_error(given.outcomes, given.decisions),
        "r_squared": reference.r2_score(given.outcomes, given.decisions),
        "correlation": np.corrcoef(given.outcomes, given.decisions)[0, 1],
        "bias": (given.decisions - given.outcomes).mean(),
        "value": -40 * reference.mean_pinball_loss(given.outcomes, given.decisions, alpha=0.75),
    }
    for name, number in expected.items():
        assert metric_named(name, TASK).value(given) == pytest.approx(number)


@pytest.mark.parametrize("name", NAMES)
def test_influence_is_the_derivative_of_the_metric_in_each_rows_weight(name: str):
    metric, given = metric_named(name, TASK), rows()
    keep = np.ones(len(given), dtype=bool)
    left_out = np.empty(len(given))
    for row in range(len(given)):
        keep[row] = False
        left_out[row] = metric.value(given.where(keep))
        keep[row] = True
    jackknife = metric.value(given) - left_out
    assert np.corrcoef(jackknife, metric.influence(given))[0, 1] > 0.99
    assert np.std(jackknife) == pytest.approx(np.std(metric.influence(given)), rel=0.1)


def test_the_share_of_a_variance_of_nothing_is_undefined():
    given = Rows(np.full(9, 3.0), np.arange(9.0), np.arange(9.0))
    assert np.isnan(metric_named("r_squared", TASK).value(given))
    assert not metric_named("r_squared", TASK).influence(given).any()


def test_a_correlation_of_what_does_not_vary_is_undefined():
    given = Rows(np.arange(9.0), np.zeros(9), np.zeros(9))
    assert np.isnan(metric_named("correlation", TASK).value(given))
    assert not metric_named("correlation", TASK).influence(given).any()
