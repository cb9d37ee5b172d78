"""What it costs to choose one class where it was another."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.models.temperature import at_temperature
from kreis.requirements.goal import Goal
from kreis.tasks.metrics.class_calibration import ClassCalibrationError
from kreis.tasks.multiclass.cost_matrix import CostMatrix

CLASSES = ["ham", "spam", "fraud"]
COSTS = CostMatrix("EUR per 1,000 mails", CLASSES, wrong=2.0, costs={"ham": {"fraud": 50.0}})


def test_costs_are_said_by_the_class_that_was_chosen_then_the_one_that_it_was():
    assert COSTS.matrix.tolist() == [[0, 2, 50], [2, 0, 2], [2, 2, 0]]
    ham, spam, fraud = COSTS.numbers(CLASSES)
    assert COSTS.values([fraud, ham, spam], [ham, fraud, spam]).tolist() == [-50, -2, 0]
    rows = CostMatrix("EUR", CLASSES, costs=[[0, 2, 50], [2, 0, 2], [2, 2, 0]])
    assert rows.matrix.tolist() == COSTS.matrix.tolist()
    assert (COSTS.bounds, COSTS.most_at_stake) == ((-50, 0), 50)


def test_what_is_no_class_has_no_value():
    ham = COSTS.numbers(["ham"])[0]
    assert np.isnan(COSTS.values([np.nan, ham, 3.0], [ham, 3.0, ham])).all()


def test_classes_may_be_numbers():
    stars = CostMatrix("EUR", [1, 2, 3])
    assert stars.names == ("1", "2", "3")
    read = stars.task.read_outcomes(pl.Series("stars", [1.0, 3.0, None]), None, where="here")
    assert read.to_list() == [*stars.numbers([1, 3]), None]
    answers = CostMatrix("EUR", [False, True])
    assert answers.task.read_outcomes(pl.Series([True]), None, where="here").to_list() == [*answers.numbers([True])]


def test_the_numbers_of_the_log_are_read_back_as_classes():
    numbers = pl.Series("outcome", COSTS.numbers(["spam", "ham"]))
    assert COSTS.task.read_outcomes(numbers, None, where="here").to_list() == numbers.to_list()


def test_classes_that_are_not_declared_are_named_and_counted():
    column = pl.Series("kind", ["ham", "scam", "scam", None, "virus", "spam"])
    with pytest.raises(ProjectError, match=r"'scam' \(2\), 'virus' \(1\)") as caught:
        COSTS.task.read_outcomes(column, None, where="mails.py:3")
    assert "classes=[…]" in str(caught.value.hint)
    with pytest.raises(ProjectError, match="asks for one of several classes"):
        COSTS.task.read_outcomes(column, "spam", where="here")
    with pytest.raises(ProjectError, match="is Date"):
        COSTS.task.read_outcomes(pl.Series([None], dtype=pl.Date), None, where="here")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": ["a"]}, "1 class"),
        ({"classes": ["a", "b", "a"]}, "'a' is named twice"),
        ({"classes": [1, "1"]}, "'1' is named twice"),
        ({"costs": {"ham": {"span": 1.0}}}, "unknown class 'span'"),
        ({"costs": [[0, 1], [1, 0]]}, "not 3 rows of 3 numbers"),
        ({"wrong": float("inf")}, "not finite"),
        ({"per": 0}, "per is 0"),
    ],
)
def test_a_wrong_matrix_is_refused_when_it_is_declared(wrong: dict, message: str):
    with pytest.raises(ProjectError, match=message):
        CostMatrix(**{"unit": "EUR", "classes": CLASSES, **wrong})


def test_a_goal_that_punishes_right_decisions_is_refused():
    gains = CostMatrix("EUR", CLASSES, right=2.0, wrong=-5.0)
    with pytest.raises(ProjectError, match="right decisions cost no less than wrong ones"):
        Goal(question="Which?", decision="Act.", metric=gains)


def drawn(rows: int, seed: int, sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and probabilities that are `sure` times as sure as they may be."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, 3)) * 1.5
    happened = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    said = np.exp(logits * sure)
    return COSTS.numbers(CLASSES)[happened], said / said.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("sure", "low", "high"), [(3.0, 2.2, 4.0), (0.4, 0.3, 0.55)])
def test_probabilities_that_are_too_sure_or_not_sure_enough_get_a_temperature(sure: float, low: float, high: float):
    outcomes, scores = drawn(1_000, 1, sure)
    found = COSTS.task.fit_decision(scores, outcomes)
    assert (found.decision, found.source) == (COSTS.task.plain, "plain")
    assert isinstance(found.temperature, float)
    assert low < found.temperature < high
    later, fresh = drawn(20_000, 2, sure)
    cooled = at_temperature(fresh, found.temperature)
    plain = COSTS.task.plain
    assert COSTS.values(later, plain.many(cooled)).mean() > COSTS.values(later, plain.many(fresh)).mean()
    error = ClassCalibrationError()
    before, after = (error.value(COSTS.task.rows(later, each, plain, where="here")) for each in (fresh, cooled))
    assert after < 0.03 < before


def test_calibrated_probabilities_are_left_nearly_as_they_are():
    found = [COSTS.task.fit_decision(*drawn(600, seed, 1.0)[::-1]).temperature for seed in range(40)]
    others = [each for each in found if isinstance(each, float)]
    assert len(others) < 20
    assert all(0.8 < each < 1.25 for each in others)


def test_few_rows_choose_no_temperature():
    outcomes, scores = drawn(40, 1, sure=3.0)
    assert COSTS.task.fit_decision(scores, outcomes).temperature is msgspec.UNSET


def test_a_rules_place_is_a_class():
    task = COSTS.task
    rows = task.rows(COSTS.numbers(["ham", "fraud"]), np.array([0.0, 2.0]), task.rule_decision, where="here")
    assert rows.right.all()
    assert {each.name: each.value(rows) for each in task.metrics}["log_loss"] == pytest.approx(0)
