"""Tests of behaviour that a project writes: what they count, and what is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.evaluation.examinations.subjects import goal_of, subject

from kreis.errors import ProjectError
from kreis.evaluation.examinations.behaviour import Behaviour, Expectation
from kreis.evaluation.examinations.gate import Gate
from kreis.evaluation.examinations.kinds import examine, parameters
from kreis.project import Project


def more_income(rows):
    return rows.with_columns(pl.col("income") + 1)


def another_noise(rows):
    return rows.with_columns(noise=pl.col("noise").reverse())


def all_red(rows):
    return rows.with_columns(colour=pl.lit("red"))


def plain_cases():
    return pl.DataFrame(
        {"income": [3.0, -3.0], "age": [78.0, 19.0], "colour": ["red", "blue"], "noise": [0.0, 0.0], "expected": [1, 0]}
    )


def ask(function, expects, kind="binary", tolerance=0.0):
    (found,) = examine([Behaviour((Expectation(function, expects, tolerance),))], subject(kind), lambda *at: None)
    return found


def test_a_score_that_must_not_fall_is_counted_where_it_falls():
    found = ask(more_income, "not lower")
    (finding,) = found.findings
    scores = subject("binary")
    matrix = scores.features.test.matrix.copy()
    matrix[:, 0] += 1
    fell = scores.features.rescore(matrix) < scores.rows.scores
    assert finding.estimate.value == pytest.approx(fell.mean())
    assert finding.said == f"more_income: {fell.sum()} of 300 rows are lower"
    assert ask(more_income, "not higher").findings[0].estimate.value > 0.5
    assert len(found.tables["failures"]) == min(5, fell.sum())


def test_a_tolerance_lets_small_moves_pass():
    assert ask(more_income, "not higher", tolerance=1.0).findings[0].estimate.value == 0


def test_decisions_that_must_stay_are_counted_where_they_change():
    quiet, loud = (ask(each, "same").findings[0].estimate.value for each in (another_noise, more_income))
    assert quiet < 0.1 < loud


def test_categories_are_given_and_taken_by_name():
    it = subject("binary")
    matrix = it.features.test.matrix.copy()
    numbers = {name: number for number, name in it.features.test.categories["colour"].items()}
    assert numbers["red"] == 2.0
    matrix[:, 2] = 2.0
    fell = it.features.rescore(matrix) < it.rows.scores
    assert ask(all_red, "not lower").findings[0].estimate.value == pytest.approx(fell.mean())


def test_rows_of_its_own_are_decided_as_expected():
    assert ask(plain_cases, "expected").findings[0].estimate.value == 0
    turned = lambda: plain_cases().with_columns(expected=1 - pl.col("expected"))  # noqa: E731
    turned.__name__ = "turned"
    found = ask(turned, "expected")
    assert found.findings[0].estimate.value == 1
    assert found.tables["failures"][0]["row"] == "row 1 of turned"


@pytest.mark.parametrize(
    ("function", "expects", "said"),
    [
        (lambda rows: rows.drop("age"), "same", "other rows or columns"),
        (lambda rows: rows.head(3), "same", "other rows or columns"),
        (lambda rows: rows["no such"], "same", "raised ColumnNotFoundError"),
        (lambda rows: 3, "same", "gives int, not a Polars frame"),
        (lambda: plain_cases().drop("age"), "expected", "rows without 'age'"),
        (lambda: plain_cases().head(0), "expected", "no rows"),
    ],
)
def test_a_test_that_makes_no_rows_says_what_is_wrong_with_it(function, expects, said):
    with pytest.raises(ProjectError, match=said) as raised:
        ask(function, expects)
    assert "test_behaviour.py" in str(raised.value.where)


@pytest.mark.parametrize(
    ("function", "expects", "tolerance", "said"),
    [
        (more_income, "higher", 0.0, "value of expects"),
        (more_income, "same", -1.0, "tolerance"),
        (plain_cases, "same", 0.0, "takes 0 parameters"),
        (more_income, "expected", 0.0, "takes 1 parameters"),
    ],
)
def test_an_expectation_is_checked_where_it_is_written(function, expects, tolerance, said):
    with pytest.raises(ProjectError, match=said):
        Expectation(function, expects, tolerance)


def test_another_test_is_another_question():
    def asked(function):
        return parameters([Behaviour((Expectation(function, "same", 0.0),), Path(__file__).parent)])

    assert asked(more_income) != asked(another_noise)
    assert asked(more_income) == asked(more_income)


def test_a_project_declares_behaviour_and_bounds_it():
    project = Project("loans", goal=goal_of("binary"))
    project.behaviour(expects="not lower")(more_income)
    project.gates(Gate("behaviour_failures", at_most=0.05, by="more_income"))
    (behaviour,) = [each for each in project.examinations if isinstance(each, Behaviour)]
    assert [each.name for each in behaviour.expectations] == ["more_income"]
    with pytest.raises(ProjectError, match="two behaviours called 'more_income'"):
        project.behaviour(expects="same")(more_income)
