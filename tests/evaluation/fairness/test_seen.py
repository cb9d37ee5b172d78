"""Each kind of question says what a group may get more or less of."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from kreis.evaluation.fairness.seen import Amounts, Selected, seen
from kreis.evaluation.fairness.together import compared, crossed
from kreis.evaluation.slices import Groups, group_codes
from kreis.requirements.goal import Goal
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.answering.answer_value import AnswerValue
from kreis.tasks.clustering.cluster_separation import ClusterSeparation
from kreis.tasks.decisions import Above, AnswerFrom, Cut, Nearest
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.multilabel.label_value import LabelValue
from kreis.tasks.regression.error_cost import ErrorCost


def goal(metric: Any) -> Goal:
    return Goal(question="What?", decision="Act.", metric=metric)


def of(metric: Any, outcomes: Any, scores: Any, decision: Any) -> tuple[list[Any], str]:
    asked = goal(metric)
    return seen(asked.task.rows(np.asarray(outcomes, float), np.asarray(scores, float), decision, where="test"), asked)


def test_each_label_is_got_or_not():
    metric = LabelValue("EUR", ["billing", "urgent"], right=1.0)
    found, left = of(metric, [1, 3], [[0.9, 0.2], [0.4, 0.8]], Above(("billing", "urgent"), (0.5, 0.5)))
    assert [each.gets for each in found] == ["is decided 'billing'", "is decided 'urgent'"]
    assert [each.selected.tolist() for each in found] == [[1, 0], [0, 1]]
    assert [each.deserved.tolist() for each in found] == [[1, 1], [0, 1]]
    assert left == ""


def test_of_many_classes_those_that_are_decided_most_often_are_compared():
    names = [f"c{each}" for each in range(9)]
    metric = CostMatrix("EUR", names, wrong=1.0)
    asked = goal(metric)
    scores = np.eye(9)[[0, 0, 1, 2, 3, 4, 5]]
    outcomes = asked.task.read_outcomes(pl.Series(["c0"] * 7), None, where="test").to_numpy()
    found, left = seen(asked.task.rows(outcomes, scores, asked.task.plain, where="test"), asked)
    assert [each.of for each in found if isinstance(each, Selected)] == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert left == "3 rarer classes of 9 are not compared"


def test_an_alarm_is_raised_whether_or_not_it_is_known_to_be_right():
    metric = AlarmValue("EUR", true_positive=1, false_positive=-1, alarms=0.5)
    (found,), _ = of(metric, [1, np.nan, 0], [0.9, 0.8, 0.1], Cut(0.5))
    assert found.gets == "raises an alarm"
    assert [each.name for each in found.rates][-1] == "base_rate"
    above, below = found.precision.terms(goal(metric).task.rows(np.zeros(3), np.zeros(3), Cut(0.5), where="test"))
    assert (above.tolist(), below.tolist()) == ([1, 0, 0], [1, 0, 0])


def test_a_question_is_answered_or_passed_on():
    metric = AnswerValue("EUR", right=4.0, wrong=-12.0, passed_on=-1.5)
    (found,), _ = of(metric, [1, 0], [[0.9, 10.0], [0.1, 10.0]], AnswerFrom(0.5))
    assert (found.gets, found.selected.tolist()) == ("is answered", [1, 0])
    assert [each.name for each in found.rates] == ["selection_rate"]


def test_numbers_are_amounts_and_clusters_are_none():
    (found,), _ = of(
        ErrorCost("EUR", over=1, under=1), [1, 2], [3, 4], goal(ErrorCost("EUR", over=1, under=1)).task.plain
    )
    assert isinstance(found, Amounts)
    assert of(ClusterSeparation(), [np.nan, np.nan], [[0.1, 0.9], [0.8, 0.2]], Nearest(2)) == ([], "")


def test_two_columns_together_have_the_groups_that_come():
    sex, region = group_codes(np.array(["f", "m", "f", None], object)), Groups(["n", "s"], np.array([0, 1, 1, -1]))
    both = crossed(sex, region)
    assert [both.labels[code] if code >= 0 else None for code in both.codes] == ["f, n", "m, s", "f, s", None]


@pytest.mark.parametrize(("least", "kept", "notes"), [(1, ["a", "b", "c"], 0), (2, ["a", "b"], 1), (4, [], 2)])
def test_small_groups_are_left_out_and_told_of(least: int, kept: list[str], notes: int):
    column = group_codes(np.array(["a", "a", "a", "b", "b", "c"]))
    found, told = compared({"x": column}, ["x"], least=least, pairs=True)
    assert (found["x"].labels if found else []) == kept
    assert len(told) == notes
    if least == 2:
        assert told == ["x: 1 group with fewer than 2 rows left out (1 row)"]
        assert found["x"].codes.tolist() == [0, 0, 0, 1, 1, -1]
