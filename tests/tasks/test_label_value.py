"""What labels are worth that are found, missed, or given wrongly."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.requirements.goal import Goal
from kreis.tasks.decisions import Above
from kreis.tasks.multilabel.label_value import LabelValue
from kreis.tasks.outcomes import SomeOf

LABELS = ["billing", "urgent"]
MISSED = {"billing": 0.0, "urgent": -20.0}
VALUE = LabelValue("EUR per 1,000 tickets", LABELS, right=2.0, missed=MISSED, false_alarm=-1.0)


def test_the_value_of_a_row_is_that_of_its_labels_together():
    carried = VALUE.numbers([["billing", "urgent"], ["urgent"], [], ["billing"]])
    given = VALUE.numbers([["billing", "urgent"], [], ["billing", "urgent"], ["urgent"]])
    assert VALUE.values(carried, given).tolist() == [4, -20, -2, -1]
    assert np.isnan(VALUE.values([np.nan], [0.0])).all()
    assert (VALUE.bounds, VALUE.most_at_stake) == ((-21, 4), 24)


def test_each_label_is_given_from_its_own_break_even_on():
    rule = VALUE.task.plain
    assert isinstance(rule, Above)
    assert rule.at == pytest.approx((1 / 3, 1 / 23))
    assert rule.one([0.5, 0.01]) == VALUE.numbers([["billing"]])[0]


def test_only_a_label_whose_threshold_is_shown_to_be_better_gets_another():
    rng = np.random.default_rng(1)
    chances = rng.beta(1, 1, (2_000, 2))
    carried = (rng.random((2_000, 2)) < chances) @ [1.0, 2.0]
    said = np.stack([np.sqrt(chances[:, 0]), chances[:, 1]], axis=1)  # the first label's are far too high
    found = VALUE.task.fit_decision(said, carried)
    assert isinstance(found.decision, Above)
    assert found.source == "validation"
    assert found.decision.at[0] == pytest.approx(np.sqrt(1 / 3), abs=0.1)
    assert found.decision.at[1] == pytest.approx(1 / 23, abs=0.05)
    later = VALUE.values(carried, found.decision.many(said)).mean()
    assert later > VALUE.values(carried, VALUE.task.plain.many(said)).mean()


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("labels", [["urgent", "billing"], [], None, ["urgent", "urgent"]]),
        pl.Series("labels", ["urgent, billing", "", None, "urgent"]),
        pl.Series("labels", [3.0, 0.0, None, 2.0]),
    ],
    ids=["lists", "texts", "numbers"],
)
def test_labels_of_a_table_become_one_number(column: pl.Series):
    assert VALUE.task.read_outcomes(column, None, where="here").to_list() == [3, 0, None, 2]


def test_labels_that_are_not_declared_are_named_and_counted():
    column = pl.Series("labels", [["urgent", "spam"], ["spam"], ["vip"]])
    with pytest.raises(ProjectError, match=r"'spam' \(2\), 'vip' \(1\)"):
        VALUE.task.read_outcomes(column, None, where="here")
    for wrong in (pl.Series([1.5]), pl.Series([1, 2])):
        with pytest.raises(ProjectError, match=r"is (Float64|Int64)"):
            VALUE.task.read_outcomes(wrong, None, where="here")


def test_labels_are_sent_and_shown_as_lists():
    form = SomeOf(("billing", "urgent"))
    assert form.number(["urgent", "billing"]) == form.number(3) == 3
    assert (form.shown(2.0), form.shown(0.0), form.said(3.0), form.said(0.0)) == (
        ["urgent"],
        [],
        "billing, urgent",
        "no label",
    )
    for sent in (["spam"], "urgent", 4, -1, 0.5, True, float("nan")):
        assert form.refusal(sent) is not None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": []}, "0 labels"),
        ({"labels": list(range(53))}, "53 labels"),
        ({"labels": ["a", "a"]}, "'a' is named twice"),
        ({"right": {"billing": 1.0}}, "right does not name 'urgent'"),
        ({"missed": {"bill": 1.0}}, "unknown label 'bill'"),
        ({"false_alarm": float("nan")}, "not finite"),
        ({"separator": ""}, "is empty"),
        ({"per": 0}, "per is 0"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_declared(wrong: dict, message: str):
    with pytest.raises(ProjectError, match=message):
        LabelValue(**{"unit": "EUR", "labels": LABELS, "right": 1.0, **wrong})


def test_a_goal_that_rewards_false_alarms_is_refused():
    with pytest.raises(ProjectError, match="right decisions are worth no more than wrong ones"):
        Goal(question="Which?", decision="Act.", metric=LabelValue("EUR", LABELS, right=1.0, false_alarm=5.0))


def test_a_rules_number_names_labels():
    rows = VALUE.task.rows(np.array([3.0, 1.0]), np.array([2.9999998, 0.0]), VALUE.task.rule_decision, where="here")
    found = {each.name: each.value(rows) for each in VALUE.task.metrics}
    assert (found["micro_recall"], found["subset_accuracy"]) == (2 / 3, 0.5)
