"""Training's verdict: it names the candidate that goes on to evaluation, and a baseline that is worth more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kreis import DecisionValue
from kreis.loop.verdicts import Advance
from kreis.texts import amount
from kreis.ways.tabular import training
from kreis.ways.tabular.state import TabularState

COMPLEXITY = {"rule": 0, "logistic": 1, "gbdt": 2}


def verdict(monkeypatch: pytest.MonkeyPatch, worth: dict[str, float], apart: float = 1.0) -> str:
    """What training concludes of candidates that are worth so much; "rule" is a baseline.

    Each day's value is `apart` from the mean to the one or the other side: of the logistic regression in another order.
    """

    def trained(state: Any, declared: Any) -> Any:
        validation = {"value": worth[declared.name], "rows": 1000, "positives": 100}
        sides = [-1, -1, 1, 1] if declared.name == "logistic" else [-1, 1, -1, 1]
        blocks = [(100 * (worth[declared.name] + side * apart), 100) for side in sides * 3]
        found = SimpleNamespace(validation=validation, validation_blocks=blocks)
        return SimpleNamespace(output=SimpleNamespace(candidate=found))

    monkeypatch.setattr(training, "_train", trained)
    nothing = SimpleNamespace(refusal=lambda: None, warnings=[], overruled={})
    monkeypatch.setattr(training, "look_for_leaks", lambda state: nothing)
    candidates = {
        name: SimpleNamespace(name=name, baseline=name == "rule", complexity=COMPLEXITY[name]) for name in worth
    }
    metric = DecisionValue("EUR per 1,000 orders", true_positive=1.0, false_positive=-1.0)
    contenders = {name: (COMPLEXITY[name], name == "rule") for name in worth}
    project: Any = SimpleNamespace(
        candidates=candidates, contenders=contenders, goal=SimpleNamespace(metric=metric, task=metric.task)
    )
    context: Any = None
    concluded = training.perform(TabularState(project=project, context=context))
    assert isinstance(concluded, Advance)
    return concluded.summary


def test_the_candidate_worth_most_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said = verdict(monkeypatch, {"rule": 90.0, "logistic": 80.0, "gbdt": 100.0})
    assert said.endswith("positive) gbdt is worth most: 100 EUR per 1,000 orders")


def test_a_baseline_that_is_worth_more_is_named_beside_the_one_that_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    said = verdict(monkeypatch, {"rule": 100.0, "logistic": 80.0, "gbdt": 90.0})
    assert "the baseline rule is worth most (100 EUR per 1,000 orders); gbdt is judged: 90" in said
    assert "the baseline rule is as good as gbdt by the one-standard-error rule (gbdt does not lead)" in said


def test_a_simpler_candidate_that_is_as_good_is_judged_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    said = verdict(monkeypatch, {"rule": 10.0, "logistic": 98.0, "gbdt": 100.0}, apart=10.0)
    assert "gbdt is worth most (100 EUR per 1,000 orders); logistic is judged: 98" in said
    assert (
        "logistic is preferred to gbdt by the one-standard-error rule: it is simpler, and gbdt leads by 2 EUR" in said
    )
    assert "the baseline" not in said


def test_amounts_are_whole_and_small_ones_have_four_digits():
    assert [amount(each) for each in (14_273.4, 10.4, -35.5, 9.876543, 0.65437, 0.0)] == [
        *("14,273", "10", "-36"),
        *("9.877", "0.6544", "0"),
    ]
