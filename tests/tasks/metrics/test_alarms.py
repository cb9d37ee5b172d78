"""Metrics of alarms: over the rows whose outcome is known, and over all."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.metrics.alarms import AlarmRate, AlarmRows, AveragePrecision, OfKnown
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.metrics.yes_no import YesNoRows

VALUE = AlarmValue("EUR per 1,000", true_positive=100, false_positive=-5, alarms=0.1)


def rows_of(seed: int, n: int = 400, *, unknown: float = 0.6) -> AlarmRows:
    rng = np.random.default_rng(seed)
    happened = rng.random(n) < 0.2
    scores = np.round(rng.normal(size=n) + 1.5 * happened, 1)  # with ties
    outcomes = np.where(rng.random(n) < unknown, np.nan, happened.astype(float))
    return AlarmRows(outcomes, scores, scores > 1.5)


def test_average_precision_agrees_with_scikit_learn() -> None:
    judged = rows_of(1).judged
    expected = reference.average_precision_score(judged.outcomes, judged.scores)
    assert AveragePrecision().value(judged) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(AveragePrecision().value(YesNoRows(np.zeros(5, bool), np.arange(5.0), np.ones(5, bool))))


def test_influence_of_average_precision_is_its_derivative_in_each_rows_weight() -> None:
    rows = rows_of(2, 300, unknown=0.0).judged
    metric, keep, left_out = AveragePrecision(), np.ones(300, dtype=bool), np.empty(300)
    for row in range(300):
        keep[row] = False
        left_out[row] = metric.value(rows.where(keep))
        keep[row] = True
    jackknife, influence = metric.value(rows) - left_out, metric.influence(rows)
    assert abs(float(influence.sum())) < 1e-12
    assert np.corrcoef(jackknife, influence)[0, 1] > 0.99
    assert np.std(jackknife) == pytest.approx(np.std(influence), rel=0.1)


@pytest.mark.parametrize("metric", [Precision(), Recall(), AveragePrecision()], ids=lambda metric: metric.name)
def test_what_happened_is_measured_on_the_known_rows_alone(metric) -> None:
    rows = rows_of(3)
    judged, found = rows.judged, OfKnown(metric)
    assert found.value(rows) == metric.value(judged)
    influence = found.influence(rows)
    assert (influence[~rows.known] == 0).all()
    assert influence[rows.known].tolist() == metric.influence(judged).tolist()
    assert found.counting(rows).sum() == metric.counting(judged).sum()
    nobody = AlarmRows(np.full(9, np.nan), np.arange(9.0), np.arange(9) > 4)
    assert np.isnan(found.value(nobody))
    assert (found.influence(nobody) == 0).all()


def test_value_is_that_of_the_known_rows_and_the_alarm_rate_of_all() -> None:
    rows = AlarmRows(np.array([1, 0, np.nan, np.nan]), np.arange(4.0), np.array([True, True, True, False]))
    assert BusinessValue(VALUE).value(rows) == pytest.approx((100 - 5) / 2 * 1000)
    assert AlarmRate().value(rows) == 0.75
    assert rows.evidence.sum() == 1
