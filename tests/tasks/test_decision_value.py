"""DecisionValue: what decisions are worth."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue

money = st.floats(-1e6, 1e6, allow_nan=False)
metrics = st.builds(lambda *cases: cases, money, money, money, money)
advantage = st.floats(1e-3, 1e6)
sensible = st.builds(
    lambda low, high, gain, loss: (low + gain, high, high + loss, low), money, money, advantage, advantage
)
"""Right decisions are worth more than wrong ones."""


def test_each_of_the_four_cases_has_its_value() -> None:
    metric = DecisionValue("EUR", 120, -35, 1, -7)
    assert metric.values([1, 0, 0, 1], [True, True, False, False]).tolist() == [120, -35, 1, -7]
    assert metric.bounds == (-35, 120)


def test_an_outcome_that_is_not_known_has_no_value() -> None:
    values = DecisionValue("EUR", 120, -35).values([np.nan, 1.0], [True, True])
    assert math.isnan(values[0])
    assert values[1] == 120


@given(sensible, st.floats(0, 1))
def test_deciding_pays_exactly_above_break_even(cases: tuple[float, ...], probability: float) -> None:
    """Elkan (2001), equation 2, against expected values written out."""
    metric = DecisionValue("EUR", *cases)
    assume(abs(probability - metric.break_even) > 1e-6)
    deciding = probability * cases[0] + (1 - probability) * cases[1]
    leaving = probability * cases[3] + (1 - probability) * cases[2]
    assume(abs(deciding - leaving) > 1e-6)
    assert (deciding > leaving) == (probability > metric.break_even)


@given(metrics, st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_values_stay_within_the_bounds(cases: tuple[float, ...], rows: list[tuple[bool, bool]]) -> None:
    assume(cases[0] - cases[3] + cases[2] - cases[1] > 0)
    metric = DecisionValue("EUR", *cases)
    outcomes, decisions = zip(*rows, strict=True)
    values = metric.values(np.array(outcomes), np.array(decisions))
    assert values.shape == (len(rows),)
    assert metric.bounds[0] <= values.min() <= values.max() <= metric.bounds[1]


def test_a_metric_survives_its_document() -> None:
    metric = DecisionValue("EUR per 100", 5, -1, per=100)
    document = msgspec.json.decode(msgspec.json.encode(metric.to_document()))
    assert DecisionValue.from_document(document) == metric
    assert document["kind"] == "decision_value"


@pytest.mark.parametrize(
    ("cases", "what"),
    [
        ({"true_positive": float("nan"), "false_positive": -1}, "finite"),
        ({"true_positive": 1, "false_positive": -1, "per": 0}, "per is 0"),
    ],
)
def test_a_metric_that_cannot_judge_is_refused(cases: dict[str, float], what: str) -> None:
    with pytest.raises(ProjectError, match=what):
        DecisionValue("EUR", **cases)  # type: ignore[arg-type]
