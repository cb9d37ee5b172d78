"""Coverage is measured on the rows that judge, in groups and over time, as it was declared."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import DAY, goal_of, rows_of, subject, subject_with

from kreis import Coverage, Project
from kreis.evaluation.coverage import fit
from kreis.evaluation.examinations.coverage import MeasuredCoverage
from kreis.governance.papers.findings import _within_bounds


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
    size = "interval_width" if kind == "regression" else "set_size"
    measures = [each.measure for each in examined.findings]
    assert measures[-4:] == ["coverage_lately", "coverage_adapted", size, f"{size}_adapted"]


def test_coverage_far_below_what_is_asked_for_is_worth_a_look():
    model = subject("regression")
    assert asked(model).serious == []
    wild = dataclasses.replace(model.rows, outcomes=model.rows.outcomes * 5)
    (said, *_) = asked(dataclasses.replace(model, rows=wild)).serious
    assert "the interval held what happened" in said


def test_a_level_that_follows_what_happened_is_shown_beside_the_fitted_one():
    """Errors are twice as large from the middle on."""
    model = subject("regression")
    worse = np.arange(len(model.rows)) >= len(model.rows) // 2
    scores = model.rows.scores[:, 0] if model.rows.scores.ndim > 1 else model.rows.scores
    outcomes = np.where(worse, scores + 2 * (model.rows.outcomes - scores), model.rows.outcomes)
    moved = dataclasses.replace(model, rows=dataclasses.replace(model.rows, outcomes=outcomes))
    found = {each.measure: each for each in asked(moved, level=0.8).findings if not each.column}
    assert found["coverage_adapted"].estimate.value > found["coverage"].estimate.value + 0.01
    assert found["interval_width_adapted"].estimate.value > found["interval_width"].estimate.value
    table = asked(moved, level=0.8).tables["over_time_adapted"]
    assert table[0]["level"] == pytest.approx(0.8, abs=0.02)
    assert table[-1]["level"] > table[0]["level"]
    assert _within_bounds(table) == "coverage"  # what a report draws
    data = moved.features.data
    late = msgspec.structs.replace(data, known_at=data.known_at + 1_000 * DAY)
    behind = dataclasses.replace(moved.features, data=late)
    examined = asked(dataclasses.replace(moved, features=behind), level=0.8)
    unknown = {each.measure: each.estimate for each in examined.findings if not each.column}
    assert unknown["coverage_adapted"] == unknown["coverage"]  # nothing is known yet that could move a level


def test_what_must_hold_is_what_answers_will_say():
    model = subject("regression")
    wild = dataclasses.replace(model, rows=dataclasses.replace(model.rows, outcomes=model.rows.outcomes * 5))
    assert "with a level that follows" not in asked(wild).serious[0]
    assert all("with a level that follows" in each for each in asked(wild, adapts=True).serious[:1])


def test_what_is_measured_is_what_is_packaged_where_fewer_groups_may_adapt(monkeypatch):
    """Of many groups only the largest have the quantiles of a level that follows."""
    monkeypatch.setattr(fit, "_MOST_ADAPTING", 0)
    model = subject("binary")
    region = model.features.data.columns["region"]
    behind = dataclasses.replace(model.features, column=lambda name: region.tolist())
    model = dataclasses.replace(model, features=behind)
    part = Coverage(0.8, by="region").fit(model, lambda content: "")
    assert part.quantile.groups.keys() == {"north", "south", "west"}
    sets = part.included(model.rows.scores, region[behind.split.judging].tolist())
    held = sets[np.arange(len(sets)), model.rows.outcomes.astype(int)]
    whole, *_ = asked(model, level=0.8, by="region").findings
    assert whole.estimate.value == pytest.approx(held.mean())
    pooled, *_ = asked(model, level=0.8, by="region", adapts=True).findings
    assert pooled.estimate.value != pytest.approx(held.mean())


def test_rows_without_moments_have_no_level_that_follows():
    model = subject("binary")
    rows = dataclasses.replace(model.rows, blocks_are="rows")
    measures = {each.measure for each in asked(dataclasses.replace(model, rows=rows)).findings}
    assert measures >= {"coverage", "set_size"}
    assert not any("adapted" in each for each in measures)


def test_few_rows_are_said_to_promise_little():
    assert len(asked(subject("binary")).notes) == 1
    few = subject_with(goal_of("binary"), *rows_of("binary", 400))
    assert "varies by some" in asked(few).notes[1]


def test_the_examination_asks_as_the_project_declares():
    project = Project("returns", goal=goal_of("binary"))
    project.answer_with(Coverage(0.95, by="region", method="aps"))
    (found,) = [each for each in project.examinations if each.name == "coverage"]
    assert found == MeasuredCoverage(level=0.95, by="region", method="aps")
    project.examine(MeasuredCoverage(level=0.8))
    (found,) = [each for each in project.examinations if each.name == "coverage"]
    assert found == MeasuredCoverage(level=0.8)
