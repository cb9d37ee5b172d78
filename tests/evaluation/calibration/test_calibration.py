"""Calibration equals scikit-learn's and the known formulas, and its intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import subject

from kreis.evaluation.calibration.bands import reliability_with_bands
from kreis.evaluation.calibration.questions import each_question, overall_question
from kreis.evaluation.examinations.calibration import Calibration
from kreis.evaluation.intervals import estimate
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.calibration_line import CalibrationIntercept, CalibrationSlope
from kreis.tasks.metrics.yes_no import YesNoRows


def said_and_happened(count: int = 2_000, seed: int = 0, slope: float = 1.0, intercept: float = 0.0) -> YesNoRows:
    """Outcomes whose log-odds are `intercept` + `slope` times those that were said."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=count) * 1.5
    said, truth = (1 / (1 + np.exp(-each)) for each in (odds, intercept + slope * odds))
    happened = rng.random(count) < truth
    return YesNoRows(happened, said, said > 0.5)


def alone(rows):
    return np.arange(len(rows))


def test_reliability_equals_scikit_learns():
    from sklearn.calibration import calibration_curve

    rows = said_and_happened()
    ours = reliability_with_bands(rows, alone(rows))
    frequency, score = calibration_curve(rows.outcomes, rows.scores, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([each["frequency"] for each in ours], frequency, rtol=0, atol=1e-12)
    np.testing.assert_allclose([each["score"] for each in ours], score, rtol=0, atol=1e-12)
    weights = np.array([each["rows"] for each in ours]) / len(rows)
    assert CalibrationError().value(rows) == pytest.approx(float(weights @ np.abs(frequency - score)), abs=1e-12)


def test_line_equals_a_logistic_regression_without_penalty():
    from sklearn.linear_model import LogisticRegression

    rows = said_and_happened(slope=0.7, intercept=0.4)
    odds = np.log(rows.scores / (1 - rows.scores))
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cg").fit(
        odds[:, None], rows.outcomes
    )
    assert CalibrationSlope().value(rows) == pytest.approx(float(theirs.coef_[0, 0]), abs=1e-8)
    # What both solve: the score equations are 0, to the last digits.
    for metric, fitted in (
        (CalibrationSlope(), None),
        (CalibrationIntercept(), odds + CalibrationIntercept().value(rows)),
    ):
        assert abs(metric.influence(rows).sum()) < 1e-12
        if fitted is not None:
            assert float((rows.outcomes - 1 / (1 + np.exp(-fitted))).sum()) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.simulation
@pytest.mark.parametrize(("metric", "truth"), [(CalibrationSlope(), 0.8), (CalibrationIntercept(), 0.3)])
def test_interval_of_the_line_holds_as_often_as_it_says(metric, truth, simulations):
    held, runs = 0, simulations.runs(200)
    for seed in range(runs):
        slope, intercept = (0.8, 0.0) if truth == 0.8 else (1.0, 0.3)
        rows = said_and_happened(400, seed, slope, intercept)
        found = estimate(metric, rows, alone(rows))
        held += found.low <= truth <= found.high
    simulations.at_least(f"interval of {type(metric).__name__}", held, runs, 0.95)


def test_a_line_that_has_no_value_is_undefined():
    apart = YesNoRows(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.8, 0.9]), np.zeros(4, dtype=bool))
    assert np.isnan(CalibrationSlope().value(apart))
    alike = YesNoRows(np.array([False, True]), np.array([0.5, 0.5]), np.zeros(2, dtype=bool))
    assert np.isnan(CalibrationSlope().value(alike))
    assert np.isnan(CalibrationIntercept().value(YesNoRows(np.ones(3, bool), np.full(3, 0.5), np.ones(3, bool))))


def test_bands_are_never_narrower_than_counts_allow_and_wider_with_days_that_move_together():
    rows = said_and_happened(400)
    days = np.arange(400) // 40
    by_row, by_day = (reliability_with_bands(rows, blocks) for blocks in (alone(rows), days))
    assert all(each["low"] <= each["frequency"] <= each["high"] for each in by_row)
    assert all(each["low"] <= each["frequency"] <= each["high"] for each in by_day)
    never = YesNoRows(np.zeros(50, bool), np.linspace(0.01, 0.02, 50), np.zeros(50, bool))
    (one,) = reliability_with_bands(never, alone(never))
    assert (one["low"], one["frequency"]) == (0.0, 0.0)
    assert one["high"] > 0.05


def test_each_class_is_a_question_of_its_own():
    model = subject("multiclass")
    names = model.decision.names
    found = dict(each_question(model.rows, names, 10))
    assert set(found) == set(names)
    assert sum(int(each.outcomes.sum()) for each in found.values()) == len(model.rows)
    assert found["low"].blocks_are == model.rows.blocks_are
    assert len(list(each_question(model.rows, names, 2))) == 2
    overall = overall_question(model.rows, names)
    assert overall is not None
    assert overall.outcomes.mean() == pytest.approx(float(model.rows.right.mean()))


def test_probabilities_that_are_shown_to_be_far_off_are_worth_a_look():
    import dataclasses

    model = subject("binary")
    far = dataclasses.replace(model.rows, scores=1 - model.rows.scores)
    examined = Calibration().examine(dataclasses.replace(model, rows=far), lambda *told: None)
    assert "off by" in examined.serious[0]
    assert Calibration().examine(model, lambda *told: None).serious == []
    slope = next(each for each in examined.findings if each.measure == "calibration_slope")
    assert slope.estimate is not None
    assert slope.estimate.value < 0
    assert "too extreme" in slope.said
