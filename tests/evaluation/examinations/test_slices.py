"""What the examination says of slices: of a planted one, of none, and by gates."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with, without_features

from kreis.errors import ProjectError
from kreis.evaluation.evaluate import subject_of
from kreis.evaluation.examinations.examination import Examined, Subject
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.examinations.kinds import EXAMINATIONS
from kreis.evaluation.examinations.slices import Slices
from kreis.evaluation.scored import Scored
from kreis.requirements.goal import Goal
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut, Rank
from kreis.tasks.ranking.ranking_value import RankingValue


def ask(examined: Subject, **how: object) -> Examined:
    return Slices(**how).examine(examined, lambda stage, done, total: None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def spoilt() -> Subject:
    """Outcomes of most rows with green and a high income are the other way round in the rows that judge, only."""
    data, columns = rows_of("binary", 6_000)
    late = data.time >= np.quantile(data.time, 0.79)
    there = late & (data.matrix[:, 2] == 1) & (data.matrix[:, 0] > 0) & (np.arange(6_000) % 10 < 8)
    data.outcomes[there] = 1 - data.outcomes[there]
    return subject_with(goal_of("binary"), data, columns)


def test_slices_finds_what_was_planted(spoilt: Subject):
    found = ask(spoilt)
    first = found.findings[0]
    assert first.serious, "the model says that it is surer there than it is right"
    assert ask(spoilt, metric="accuracy").findings[0].serious
    assert "colour is 'green'" in first.said
    assert "income is over" in first.said
    assert "are right; elsewhere" in first.said
    assert first.estimate is not None
    assert first.estimate.low > 0
    assert 0 < found.tables["slices"][0]["expected_gap"] <= first.estimate.value
    assert found.findings[0].detail["value"] < found.findings[0].detail["elsewhere"]


def test_slices_by_the_value_of_decisions(spoilt: Subject):
    assert "the value is" in ask(spoilt, metric="value").findings[0].said
    assert "EUR per 1,000" in ask(spoilt, metric="value").findings[0].said


def test_slices_says_what_is_most_suspect_where_none_is_shown():
    found = ask(subject("regression"))
    (only,) = found.findings
    assert only.said.startswith("No slice is shown to be worse")
    assert not only.serious
    assert not found.tables
    assert any("would have been shown if its gap in" in each for each in found.notes)


def test_a_gate_bounds_the_gap(spoilt: Subject):
    gate = Gate("slice_gap", at_most=0.05)
    assert judge_gate(gate, [ask(spoilt)]).outcome == "fail"
    assert judge_gate(gate, [ask(subject("binary"))]).outcome != "pass"


def test_slices_looks_by_groups_where_there_are_no_features():
    found = ask(without_features())
    assert {each.column for each in found.findings} <= {"sex", "region", "sex and region", "region and sex"}


def test_slices_lacks_rows_and_columns():
    few = replace(subject("binary"), features=None, groups={})
    assert "no columns" in str(Slices().lacks(few))
    assert "no mean over rows" in str(Slices(metric="auc").lacks(subject("binary")))
    with pytest.raises(ProjectError, match="unknown metric"):
        Slices(metric="acuracy").lacks(subject("binary"))


def test_slices_of_ranks_are_of_whole_groups():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(400), 5)
    metric = RankingValue("EUR per 1,000", group="query", gains={1: 1.0, 2: 3.0})
    goal = Goal(question="?", decision="Show.", metric=metric, risk=goal_of("binary").risk, least=20)
    relevant = rng.integers(0, 3, 2_000).astype(float)
    device = np.where(group % 4 == 0, "phone", "desk")
    scores = np.where(device == "phone", rng.random(2_000), relevant + rng.random(2_000))
    examined = subject_of(
        Scored("rank", scores, Rank("query"), groups=group),
        goal,
        outcomes=relevant,
        blocks=group,
        blocks_are="groups",
        groups={"device": device, "colour": rng.choice(["red", "blue"], 2_000)},
    )
    found = ask(examined)
    assert [each.column for each in found.findings] == ["device"], "colour differs within a group"
    assert "the NDCG is" in found.findings[0].said


def test_slices_of_alarms_are_of_rows_whose_outcome_is_known_by_right_or_wrong():
    rng = np.random.default_rng(0)
    metric = AlarmValue("EUR per 1,000", true_positive=400, false_positive=-5, alarms=0.1)
    goal = Goal(question="?", decision="Look.", metric=metric, risk=goal_of("binary").risk, least=20)
    happened, shop = rng.random(3_000) < 0.1, rng.choice(["old", "new"], 3_000, p=[0.8, 0.2])
    scores = np.where(shop == "new", 1 - happened, happened) + 0.1 * rng.random(3_000)
    outcomes = np.where(rng.random(3_000) < 0.4, np.nan, happened)
    examined = subject_of(
        Scored("far", scores, Cut(0.5)), goal, outcomes=outcomes, blocks=np.arange(3_000), groups={"shop": shop}
    )
    found = ask(replace(examined, rows=replace(examined.rows, blocks_are="rows")))
    assert found.findings[0].said.startswith("Where shop is 'new' (20% of rows), 0% are right; elsewhere 100%")
    assert any("whose outcome is known" in each for each in found.notes)


def test_validation_rows_say_where_to_look_and_nothing_else():
    found, alone = ask(subject("binary")), ask(without_validation())
    assert any("validation rows said where to look" in each for each in found.notes)
    assert not any("validation rows" in each for each in alone.notes)


def without_validation() -> Subject:
    """As of a version that kept no scores of them."""
    whole = subject("binary")
    assert whole.features is not None
    trained = msgspec.structs.replace(whole.features.trained, validation_scores=None)
    return replace(whole, features=replace(whole.features, trained=trained))


def test_slices_is_asked_by_default_and_refuses_what_is_no_share():
    assert EXAMINATIONS["slices"].by_default
    with pytest.raises(ProjectError, match="support must be between"):
        Slices(support=0.7)


@pytest.fixture(scope="module")
def hard() -> Subject:
    """With green nobody can tell, others are easy: in the rows that teach as in those that judge."""
    data, columns = rows_of("binary", 6_000)
    green = data.matrix[:, 2] == 1
    data.outcomes[:] = np.nan_to_num(data.matrix[:, 0]) > 0
    data.outcomes[green] = (np.random.default_rng(5).random(6_000) < 0.5)[green]
    alike = msgspec.structs.replace(goal_of("binary"), metric=DecisionValue("EUR", true_positive=1, false_positive=-1))
    return subject_with(alike, data, {**columns, "paint": np.where(green, "green", "other")})


def test_rows_that_are_hard_and_that_the_model_says_are_hard_are_no_warning(hard: Subject):
    found = ask(replace(hard, judge_by=()))
    assert "green" in found.findings[0].said
    assert found.findings[0].detail["gap"] > 0.2
    assert found.serious == []


def test_people_by_whom_the_project_looks_are_a_warning_even_then(hard: Subject):
    by_paint = replace(hard, features=None, judge_by=("paint",))
    assert "Where paint is 'green'" in ask(by_paint).serious[0]


def test_the_outcome_itself_is_no_slice():
    data, columns = rows_of("multiclass", 2_000)
    own = subject_with(goal_of("multiclass"), data, {**columns, "outcome": data.outcomes.astype(str)})
    known = replace(own, outcome_column="outcome")
    assert any(each.column == "outcome" for each in ask(own).findings)
    assert not any("outcome" in each.column for each in ask(known).findings)
    told = EXAMINATIONS["fairness"].examine(known, lambda stage, done, total: None)
    assert {each.column for each in told.findings} <= {"sex", "region", "sex and region"}
