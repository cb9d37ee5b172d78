"""A gate over what examinations found passes where all of it is shown to hold."""

from __future__ import annotations

import pytest

from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examined, Finding
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.intervals import Estimate


def found(*intervals: tuple[float, float], column: str = "sex") -> list[Examined]:
    findings = [
        Finding(
            measure="gap",
            said="It differs.",
            column=column,
            group=str(place),
            estimate=Estimate(value=(low + high) / 2, low=low, high=high, n=1_000, blocks=30),
        )
        for place, (low, high) in enumerate(intervals)
    ]
    return [Examined(examination="some", findings=findings)]


@pytest.mark.parametrize(
    ("intervals", "outcome", "group"),
    [
        ([(0.0, 0.04), (0.01, 0.02)], "pass", "0"),
        ([(0.0, 0.04), (0.04, 0.06)], "undecided", "1"),
        ([(0.0, 0.06), (0.06, 0.07)], "fail", "1"),
    ],
)
def test_gate_is_decided_by_the_hardest_finding(intervals, outcome, group):
    result = judge_gate(Gate("gap", at_most=0.05), found(*intervals))
    assert result.outcome == outcome
    assert f"for sex '{group}'" in result.explanation


def test_gate_of_one_column_looks_at_no_other():
    both = [*found((0.0, 0.01), column="sex"), *found((0.5, 0.6), column="race")]
    assert judge_gate(Gate("gap", at_most=0.05, by="sex"), both).outcome == "pass"
    assert judge_gate(Gate("gap", at_most=0.05), both).outcome == "fail"


def test_gate_without_findings_is_undecided_and_says_why():
    examined = [
        Examined(examination="other", lacks="another reason"),
        Examined(examination="some", lacks="it reads none"),
    ]
    result = judge_gate(Gate("gap", at_most=0.05), examined, asks="some")
    assert result.outcome == "undecided"
    assert result.explanation.endswith("nothing was found of it: it reads none")


def test_gate_by_a_column_of_which_nothing_is_told_is_undecided_with_the_nearest():
    result = judge_gate(Gate("gap", at_most=0.05, by="sexx"), [*found((0.0, 0.01)), *found((0.0, 0.01), column="race")])
    assert result.outcome == "undecided"
    assert result.explanation.endswith("nothing was found of it: by 'sexx'; did you mean 'sex'?")


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.1, "at_most": 0.2}, {"at_most": float("nan")}])
def test_gate_needs_one_finite_bound(bounds):
    with pytest.raises(ProjectError, match=r"bound|either"):
        Gate("gap", **bounds)


def test_gate_of_many_findings_fails_by_what_holds_for_all_of_them_at_once():
    slightly = (0.051, 0.089)
    assert judge_gate(Gate("gap", at_most=0.05), found(slightly)).outcome == "fail"
    many = found(slightly, *[(0.0, 0.04)] * 29)
    assert judge_gate(Gate("gap", at_most=0.05), many).outcome == "undecided"
    assert judge_gate(Gate("gap", at_most=0.05), found((0.1, 0.12), *[(0.0, 0.04)] * 29)).outcome == "fail"
