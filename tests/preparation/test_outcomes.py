"""An outcome is yes, no or not known; anything else is refused with what was found and how to map it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.preparation.outcomes import Delays, delays_of
from kreis.preparation.tables import Spine, Table
from kreis.tasks.binary.decision_value import DecisionValue

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task

NAN = float("nan")


def column(values, dtype=None):
    return pl.Series("returned", values, dtype=dtype)


TAKEN = {
    "booleans": (column([True, None, False]), None, [1.0, None, 0.0]),
    "whole numbers": (column([1, None, 0]), None, [1.0, None, 0.0]),
    "decimal numbers": (column([1.0, NAN, 0.0, None]), None, [1.0, None, 0.0, None]),
    "decimals": (column(["1", "0"]).cast(pl.Decimal(4, 1)), None, [1.0, 0.0]),
    "texts": (column(["yes", "no", None]), "yes", [1.0, 0.0, None]),
    "categories": (column(["yes", "no"], pl.Categorical), "no", [0.0, 1.0]),
    "codes": (column([1, 2, None]), 2, [0.0, 1.0, None]),
    "codes with NaN": (column([1.0, 2.0, NAN]), 2, [0.0, 1.0, None]),
    "yes and no turned round": (column([1, 0]), 0, [0.0, 1.0]),
    "false means yes": (column([True, False]), False, [0.0, 1.0]),
    "one of the two so far": (column(["no", "no"]), "yes", [0.0, 0.0]),
    "nothing known": (column([None, None], pl.String), "yes", [None, None]),
    "nothing known, no type": (column([None]), None, [None]),
}


@pytest.mark.parametrize(("values", "positive", "expected"), TAKEN.values(), ids=TAKEN)
def test_yes_no_and_unknown(values, positive, expected):
    taken = TASK.read_outcomes(values, positive, where="table 'questions'")
    assert (taken.to_list(), taken.dtype, taken.name) == (expected, pl.Float64, "returned")


REFUSED = {
    "four values": (column([0, 1, 2, 3, 0]), None, r"4 values: 0 \(2\)", r'returned=pl.col\("returned"\) > 0'),
    "amounts": (column([9.5, 12.0, 0.0]), None, "3 values", "null where it is not known"),
    "a value beside 0 and 1": (column([0, 1, 2]), 1, r"3 values.*positive=1", "> 0"),
    "three texts": (column(["yes", "no", ""]), "yes", r"''", r"""== 'yes'"""),
    "two codes": (column([1, 2, 2]), None, r"2 values: 2 \(2\), 1 \(1\)", "positive=2 or positive=1"),
    "two texts": (column(["yes", "no"]), None, "2 values", "positive='"),
    "texts of numbers": (column(["0", "1"]), None, "2 values", "positive='"),
    "one other value": (column([2, 2]), None, r"one value: 2 \(2\)", "positive=2"),
    "another value": (column(["yes", "no"]), "Yes", "positive='Yes' is not among them", "positive='"),
    "another type": (column([True, True]), "yes", "positive='yes' is not among them", "positive=True"),
    "moments": (column([timedelta(1)]), None, "Duration", "true/false, 1/0"),
}


@pytest.mark.parametrize(("values", "positive", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_yes_or_no_is_refused_with_what_was_found(values, positive, message, hint):
    with pytest.raises(ProjectError, match=message) as caught:
        TASK.read_outcomes(values, positive, where="table 'questions'")
    assert caught.value.where == "table 'questions'"
    assert pl.Series([caught.value.hint]).str.contains(hint)[0]


def spine(within):
    table = Table(name="questions", layer="gold", function=column, inputs=())
    return Spine(table=table, id="id", time="at", keys=(), outcome="o", outcome_known_at="known", outcome_within=within)


def measured(hours, outcomes=None, within=timedelta(hours=36)) -> Delays:
    took = pl.Series([timedelta(hours=each) for each in hours], dtype=pl.Duration("us"))
    found = delays_of(took, pl.Series(outcomes or [1.0] * len(hours)), task=TASK, within=within)
    assert found is not None
    return found


def test_three_in_a_hundred_may_come_late_and_four_may_not():
    measured([5.0] * 97 + [40.0] * 3).check(spine("36h"), where="here")
    with pytest.raises(ProjectError, match=r"4% of 100 outcomes took longer than outcome_within='36h'") as caught:
        measured([5.0] * 96 + [40.0] * 4).check(spine("36h"), where="here")
    assert "half were known within 5.0h" in caught.value.message
    assert caught.value.hint == 'declare outcome_within="40h"'


def test_an_outcome_on_the_last_minute_is_in_time():
    assert measured([36.0] * 50).later == 0
    assert measured([36.0 + 1 / 3600] * 50).later == 50


def test_the_value_to_declare_passes():
    rng = np.random.default_rng(3)
    hours = list(rng.gamma(2.0, 60.0, 500))
    with pytest.raises(ProjectError) as caught:
        measured(hours).check(spine("36h"), where="here")
    within = caught.value.hint.split('"')[1]
    measured(hours, within=spine(within).horizon).check(spine(within), where="here")


def test_outcomes_of_one_kind_that_come_much_later_are_told():
    outcomes = [1.0, 0.0] * 40
    late_no = measured([10.0, 82.0] * 40, outcomes, timedelta(days=4))
    (warning,) = late_no.warnings(spine("4d"))
    assert "yes are known after 10.0h (median), those that are no after 3.4d" in warning
    assert measured([10.0, 19.0] * 40, outcomes, timedelta(days=4)).warnings(spine("4d")) == []  # not by a tenth
    assert measured([10.0, 20.0] * 40, outcomes, timedelta(days=4)).warnings(spine("4d")) != []  # by more
    assert measured([10.0, 82.0] * 19, outcomes[:38], timedelta(days=4)).warnings(spine("4d")) == []  # too few


def test_delays_that_differ_by_chance_are_not_told():
    rng = np.random.default_rng(5)
    told = 0
    for _ in range(200):
        hours = list(rng.exponential(20.0, 60))
        told += bool(measured(hours, [1.0, 0.0] * 30).differ)
    assert told <= 2


def test_without_outcomes_there_is_nothing_to_measure():
    assert (
        delays_of(
            pl.Series([], dtype=pl.Duration("us")), pl.Series([], dtype=pl.Float64), task=TASK, within=timedelta(1)
        )
        is None
    )
