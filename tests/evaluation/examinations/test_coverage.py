"""Coverage is measured on the rows that judge, in groups and over time, as it was declared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, subject

from kreis import Coverage, Project
from kreis.evaluation.examinations.coverage import MeasuredCoverage


def asked(model, **how):
    return MeasuredCoverage(**how).examine(model, lambda *told: None)


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass"])
def test_measured_coverage_is_the_share_of_rows_that_were_held(kind):
    model = subject(kind)
    examined = asked(model, level=0.8)
    whole = examined.findings[0]
    part = Coverage(0.8).fit(model, lambda content: "")
    scores, outcomes = model.rows.scores, model.rows.outcomes
    if kind == "regression":
        low, high = part.ends(scores, None)
        held = (low <= outcomes) & (outcomes <= high)
    else:
        happened = model.task.labels(outcomes.astype(float)).astype(int)
        held = part.included(scores, None)[np.arange(len(scores)), happened]
    assert whole.estimate.value == pytest.approx(held.mean())
    assert {each.group for each in examined.findings if each.column == "region"} == {"north", "south", "west"}
    assert sum(each["rows"] for each in examined.tables["over_time"]) == len(model.rows)
    assert [each.measure for each in examined.findings][-2:] == [
        "coverage_lately",
        "interval_width" if kind == "regression" else "set_size",
    ]


def test_coverage_far_below_what_is_asked_for_is_worth_a_look():
    model = subject("regression")
    assert asked(model).serious == []
    wild = dataclasses.replace(model.rows, outcomes=model.rows.outcomes * 5)
    (said, *_) = asked(dataclasses.replace(model, rows=wild)).serious
    assert "the interval held what happened" in said


def test_the_examination_asks_as_the_project_declares():
    project = Project("returns", goal=goal_of("binary"))
    project.answer_with(Coverage(0.95, by="region", method="aps"))
    (found,) = [each for each in project.examinations if each.name == "coverage"]
    assert found == MeasuredCoverage(level=0.95, by="region", method="aps")
    project.examine(MeasuredCoverage(level=0.8))
    (found,) = [each for each in project.examinations if each.name == "coverage"]
    assert found == MeasuredCoverage(level=0.8)
