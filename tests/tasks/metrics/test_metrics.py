from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.calibration_error import CalibrationError, reliability
from kreis.tasks.metrics.metric import Metric, RatioMetric
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.task import metric_named

VALUE = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)
NAMES = [each.name for each in (*VALUE.task.metrics, *VALUE.task.across)]


def rows_of(seed: int, n: int = 400, *, ties: bool = True) -> YesNoRows:
    rng = np.random.default_rng(seed)
    scores = rng.beta(2, 4, n)
    scores = np.round(scores, 2) if ties else scores
    return YesNoRows(rng.random(n) < scores, scores, scores >= 0.4, rng.integers(0, 3, n))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gives_a_metric_that_carries_it(name: str):
    metric = metric_named(name, VALUE.task)
    assert metric.name == name
    assert isinstance(metric, Metric)
    low, high = metric.bounds
    assert low <= metric.value(rows_of(0)) <= high


@pytest.mark.parametrize("name", NAMES)
def test_influence_is_the_derivative_of_the_metric_in_each_rows_weight(name: str):
    """Doubling one row's weight moves the metric by its influence (leave-one-out jackknife agrees)."""
    metric, rows = metric_named(name, VALUE.task), rows_of(3, 300)
    influence = metric.influence(rows)
    assert influence.sum() == pytest.approx(0, abs=1e-7 * max(1, abs(metric.value(rows))))
    if name == "calibration_error":
        return  # the bins move when a row leaves
    keep = np.ones(300, dtype=bool)
    left_out = np.empty(300)
    for row in range(300):
        keep[row] = False
        left_out[row] = metric.value(rows.where(keep))
        keep[row] = True
    jackknife = metric.value(rows) - left_out
    assert np.corrcoef(jackknife, influence)[0, 1] > 0.99
    assert np.std(jackknife) == pytest.approx(np.std(influence), rel=0.1)


def test_metrics_agree_with_scikit_learn():
    rows = rows_of(1)
    expected = {
        "auc": reference.roc_auc_score(rows.outcomes, rows.scores),
        "brier": reference.brier_score_loss(rows.outcomes, rows.scores),
        "log_loss": reference.log_loss(rows.outcomes, rows.scores),
        "recall": reference.recall_score(rows.outcomes, rows.decisions),
        "precision": reference.precision_score(rows.outcomes, rows.decisions),
    }
    for name, number in expected.items():
        assert metric_named(name, VALUE.task).value(rows) == pytest.approx(number, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_counts_pairs_with_ties_as_half(pairs: list[tuple[bool, int]]):
    outcomes = np.array([each for each, _ in pairs])
    scores = np.array([each / 5 for _, each in pairs])
    value = Auc().value(YesNoRows(outcomes, scores, scores > 0.5))
    won = [
        1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[outcomes].tolist() for n in scores[~outcomes].tolist()
    ]
    assert np.isnan(value) if not won else value == pytest.approx(np.mean(won))


def test_recall_without_positives_is_undefined_and_not_zero():
    rows = YesNoRows(np.zeros(5, bool), np.full(5, 0.5), np.ones(5, bool))
    assert np.isnan(metric_named("recall", VALUE.task).value(rows))
    assert np.isnan(Auc().value(rows))


def test_disparate_impact_is_the_worst_off_groups_rate_over_the_rests_and_skips_rows_of_no_group():
    decisions = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1, 1], dtype=bool)
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, -1])
    rows = YesNoRows(decisions, decisions * 1.0, decisions, groups)
    assert metric_named("disparate_impact", VALUE.task).value(rows) == pytest.approx(0.5)
    three = replace(rows, groups=np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]))
    assert metric_named("disparate_impact", VALUE.task).value(three) == pytest.approx((1 / 4) / (4 / 6))


def test_a_calibrated_score_has_a_small_calibration_error_and_a_shifted_one_has_not():
    rng = np.random.default_rng(5)
    scores = rng.beta(2, 5, 50_000) * 0.7
    outcomes = rng.random(50_000) < scores
    assert CalibrationError().value(YesNoRows(outcomes, scores, scores > 0.5)) < 0.01
    assert CalibrationError().value(YesNoRows(outcomes, scores + 0.2, scores > 0.5)) == pytest.approx(0.2, abs=0.01)
    assert sum(each["rows"] for each in reliability(YesNoRows(outcomes, scores, scores > 0.5))) == 50_000


def test_the_business_metric_is_money_per_thousand():
    rows = YesNoRows(np.array([1, 0, 1, 0], bool), np.full(4, 0.5), np.array([1, 1, 0, 0], bool))
    metric = metric_named("value", VALUE.task)
    assert isinstance(metric, RatioMetric)
    assert metric.value(rows) == pytest.approx((120 - 35) / 4 * 1000)
    assert metric.bounds == (-35_000, 120_000)


def test_an_unknown_metric_comes_with_the_nearest_names():
    with pytest.raises(ProjectError, match="did you mean 'recall'"):
        metric_named("recal", VALUE.task, where="Guardrail('recal')")


def test_a_calibration_error_has_fewer_bins_where_few_rows_are_of_the_rarer_outcome():
    rng = np.random.default_rng(5)
    scores = rng.beta(2, 5, 200)
    few = YesNoRows(np.arange(200) < 25, scores, scores > 0.5)
    many = YesNoRows(np.arange(200) % 2 == 0, scores, scores > 0.5)
    assert len(reliability(few)) == 2
    assert len(reliability(many)) == 10


def test_the_excess_of_a_calibration_error_is_what_noise_makes_of_scores_that_are_right():
    rng = np.random.default_rng(6)
    days = np.repeat(np.arange(30), 20)
    values, excess = [], []
    for _ in range(100):
        scores = rng.beta(2, 5, 600)
        rows = YesNoRows(rng.random(600) < scores, scores, scores > 0.5)
        values.append(CalibrationError().value(rows))
        excess.append(CalibrationError().excess(rows, days))
    assert np.mean(excess) == pytest.approx(np.mean(values), rel=0.1)
