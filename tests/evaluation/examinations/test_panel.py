"""Panel: what it says of people's labels, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import without_features

from kreis.errors import ProjectError
from kreis.evaluation.agreement import agreement, share_by_judge
from kreis.evaluation.examinations.examination import Examination, Examined, Reviewed, Subject
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.examinations.panel import Panel
from kreis.evaluation.examinations.testing import CHECKS

PEOPLE = np.array([1, 1, 1, 0, 1, 1, 0, 1] * 5)


def reviewed(**changes: Any) -> Subject:
    other = PEOPLE.copy()
    other[:2] = 0
    found = Reviewed(
        asked=40, given=100, done=40, agreement=agreement([PEOPLE, other]),
        right=share_by_judge(PEOPLE, PEOPLE, np.ones(60)),
    )  # fmt: skip
    return replace(without_features(), reviewed=replace(found, **changes))


def ask(subject: Subject) -> Examined:
    (found,) = examine([Panel()], subject, lambda stage, done, total: None)
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_examination_behaves(check: Callable[[Examination, Subject], None]) -> None:
    check(Panel(), reviewed())


def test_the_share_and_the_agreement_are_said_with_intervals() -> None:
    right, agree = ask(reviewed()).findings
    assert right.said == (
        "people call 75% (59% to 87%) of the 100 answers that were given right; 2 looked at each of 40"
    )
    assert agree.said.startswith("people agree to 0.87")
    assert not agree.serious


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"done": 12, "right": None}, "12 of 40 answers are reviewed; kreis reviews next answers --as NAME --out FILE"),
        ({"done": 39, "right": None}, "39 of 40 answers are reviewed"),
        ({"disputed": ("a", "b"), "right": None}, "people differ on 2 answers (a, b); kreis reviews settle answers"),
        ({"asked": 1, "given": 1}, "1 answer was given"),
    ],
)
def test_a_gate_is_undecided_until_all_is_labelled(changes: dict[str, Any], said: str) -> None:
    found = ask(reviewed(**changes))
    assert found.lacks.startswith(said)
    result = judge_gate(Gate("panel_correct", at_least=0.5), [found], asks=Panel.name)
    assert result.outcome == "undecided"
    assert said in result.explanation


@pytest.mark.parametrize(("at_least", "outcome"), [(0.5, "pass"), (0.7, "undecided"), (0.9, "fail")])
def test_a_gate_holds_the_interval_against_its_bound(at_least: float, outcome: str) -> None:
    assert judge_gate(Gate("panel_correct", at_least=at_least), [ask(reviewed())]).outcome == outcome


def test_people_who_hardly_agree_are_told_of() -> None:
    apart = agreement([[1, 0, 1, 0, 1, 0, 1, 1], [1, 1, 0, 0, 0, 1, 1, 0]])
    assert [each.serious for each in ask(reviewed(agreement=apart)).findings] == [False, True]


def test_labels_that_are_all_one_tell_no_agreement() -> None:
    _, agree = ask(reviewed(agreement=agreement(np.ones((2, 40))))).findings
    assert agree.said == "how far people agree is not known: all labels are one: nothing tells agreement from habit"
    assert not agree.serious
    assert (
        judge_gate(Gate("people_agree", at_least=0.5), [ask(reviewed(agreement=agree.estimate))]).outcome == "undecided"
    )


def test_one_person_tells_no_agreement() -> None:
    found = ask(reviewed(agreement=None))
    assert [each.measure for each in found.findings] == ["panel_correct"]
    assert "one person" in found.notes[0]


@pytest.mark.parametrize("wrong", [{"answers": 1}, {"labels": ["right"]}, {"per_item": 0}])
def test_a_panel_that_can_show_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProjectError, match="a panel needs"):
        Panel(**wrong)
