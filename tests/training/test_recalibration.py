"""A map behind a model makes its probabilities truer, is chosen where that is shown, and is part of the graph."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of

from kreis import GradientBoosting, Logistic, Rule
from kreis.errors import ProjectError
from kreis.models.calibration_map import LogOdds, Table
from kreis.models.explanations.explainer import linked
from kreis.tasks.metrics.calibration_line import CalibrationSlope
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.training.preprocessing import Preprocessing
from kreis.training.recalibration import METHODS, recalibrate
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import train


def said(count: int = 4_000, seed: int = 0, *, slope: float = 1.0):
    """Probabilities whose log-odds are `slope` times too far from 0, what happened, and days."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=count) * 1.2 - 0.5
    happened = rng.random(count) < 1 / (1 + np.exp(-odds))
    return (1 / (1 + np.exp(-slope * odds))).astype(np.float32), happened, np.arange(count) // 50


@pytest.mark.parametrize("method", METHODS)
def test_each_map_undoes_what_is_too_extreme_on_rows_that_it_has_not_seen(method):
    scores, happened, days = said(slope=3.0)
    found = recalibrate(method, scores, happened, days)
    assert found.gain > 5 * found.error > 0
    later, then, _ = said(seed=1, slope=3.0)
    mapped = found.map.apply(later)
    assert ((mapped > 0) & (mapped < 1)).all()
    assert (np.diff(mapped[np.argsort(later, kind="stable")]) >= 0).all()
    slope = CalibrationSlope().value(YesNoRows(then, mapped, then))
    assert slope == pytest.approx(1.0, abs=0.15)


def test_platt_and_beta_find_the_map_that_there_is():
    scores, happened, days = said(40_000, slope=2.0)
    platt = recalibrate("platt", scores, happened, days).map
    assert platt.of_yes == platt.of_no == pytest.approx(0.5, abs=0.02)
    assert platt.offset == pytest.approx(0.0, abs=0.03)
    beta = recalibrate("beta", scores, happened, days).map
    assert beta.of_yes == pytest.approx(0.5, abs=0.05)
    assert beta.of_no == pytest.approx(0.5, abs=0.05)


def test_isotonic_equals_scikit_learns_where_no_scores_are_taken_together():
    from sklearn.isotonic import IsotonicRegression

    scores, happened, days = said(150, slope=2.0)
    found = recalibrate("isotonic", scores, happened, days).map
    theirs = IsotonicRegression(y_min=0.5 / 150, y_max=1 - 0.5 / 150).fit(scores.astype(float), happened)
    np.testing.assert_allclose(found.apply(scores), theirs.predict(scores.astype(float)), atol=1e-9)


def test_venn_abers_lies_between_its_two_probabilities_and_never_at_0_or_1():
    scores = np.linspace(0.01, 0.99, 50).astype(np.float32)
    happened = scores > 0.5
    found = recalibrate("venn-abers", scores, happened, np.arange(50)).map
    # Of 25 noes below: with one yes more at the lowest score p1 is 1/26, and p0 is 0.
    assert found.says[0] == pytest.approx((1 / 26) / (1 + 1 / 26))
    assert found.says[-1] == pytest.approx(1 - (1 / 26) / (1 + 1 / 26))


def test_auto_leaves_what_is_right_and_changes_what_is_shown_to_be_wrong():
    kept = sum(recalibrate("auto", *said(2_000, seed)).map is None for seed in range(20))
    assert kept >= 18
    found = recalibrate("auto", *said(2_000, slope=2.0))
    assert found.method in METHODS
    assert found.map is not None
    few = recalibrate("auto", *said(60, slope=3.0))
    assert few.map is None
    assert recalibrate("none", *said(2_000, slope=3.0)).map is None


def test_probabilities_by_which_the_rule_is_chosen_come_from_other_days():
    scores, happened, days = said(1_000, slope=3.0)
    found = recalibrate("isotonic", scores, happened, days)
    assert np.abs(found.scores - found.map.apply(scores)).max() > 0.001
    flipped = happened.copy()
    flipped[:50] = ~flipped[:50]  # the outcomes of the first day change nothing of what is said of it
    again = recalibrate("isotonic", scores, flipped, days)
    np.testing.assert_array_equal(again.scores[:50], found.scores[:50])


def trained(candidate, calibrate, *, kind="binary", seed=0):
    data, _ = rows_of(kind, 3_000, seed)
    task = goal_of(kind).task
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=task)
    preprocessing = Preprocessing(calibrate=calibrate)
    return train(candidate, data, name="it", split=split, task=task, preprocessing=preprocessing), data, split


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_part_of_the_graph_and_stands_in_the_training_document(method):
    overfitted = GradientBoosting(trees=60, leaves=63, learning_rate=0.3)
    plain, data, split = trained(overfitted, None)
    mapped, _, _ = trained(overfitted, method)
    found = mapped.training["decision"]["calibration"]
    kinds = {"log_odds": LogOdds, "table": Table}
    truer = kinds[found["map"]](**{name: each for name, each in found.items() if name != "map"})
    rows = data.take(split.test).matrix
    expected = truer.apply(plain.scorer().score(rows))
    np.testing.assert_allclose(mapped.scorer().score(rows), expected, atol=2e-6)
    assert mapped.training["decision"]["calibrated_by"] == method
    assert mapped.validation["log_loss"] < plain.validation["log_loss"]
    assert mapped.explanation is not None
    explainer = mapped.explanation.explainer(len(mapped.features))
    assert explainer.model.mapped is (method != "platt"), "an answer's reasons say that a map stands behind them"
    told = explainer.explain(rows[:5])
    before = mapped.scorer().score(rows[:5]) if method == "platt" else plain.scorer().score(rows[:5])
    np.testing.assert_allclose(
        linked(told.margin, "sigmoid").ravel(), before, atol=1e-5
    )  # a line through the log-odds is part of the sum


def test_what_is_right_keeps_its_bytes_and_what_is_wrong_is_mapped():
    plain, _, _ = trained(Logistic(), None)
    auto, _, _ = trained(Logistic(), "auto")
    assert auto.form == plain.form
    assert "calibration" not in auto.training["decision"]
    overfitted = GradientBoosting(trees=250, leaves=63, learning_rate=0.3)
    assert "calibration" in trained(overfitted, "auto")[0].training["decision"]


def test_a_rule_stays_as_it_is_written():
    rule = Rule(pl.when(pl.col("age") > 50).then(0.9).otherwise(0.2))
    found, _, _ = trained(rule, "auto")
    assert "calibration" not in found.training["decision"]


def test_classes_have_no_temperature_where_none_is_asked_for():
    overfitted = GradientBoosting(trees=60, leaves=63, learning_rate=0.3)
    usual, _, _ = trained(overfitted, None, kind="multiclass")
    without, _, _ = trained(overfitted, "none", kind="multiclass")
    assert usual.training["decision"]["temperature"] > 1
    assert "temperature" not in without.training["decision"]
    assert usual.form != without.form


def test_what_cannot_be_is_refused():
    with pytest.raises(ProjectError, match="plat"):
        Preprocessing(calibrate="plat")
    with pytest.raises(ProjectError, match="only the probability of yes is mapped"):
        Preprocessing(calibrate="platt").check_outcomes(Logistic(), goal_of("multiclass").task)
    with pytest.raises(ProjectError, match="too few differ"):
        recalibrate("isotonic", np.full(100, 0.5), np.arange(100) % 2 == 0, np.arange(100))
