"""Each way to treat groups more alike is chosen on the validation rows, shown on the test rows, and priced."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with, without_features

from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examined, Subject
from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.examinations.mitigation import Mitigation


def ask(of: Subject, examination: Mitigation) -> Examined:
    (found,) = examine([examination], of, lambda stage, done, total: None)
    return found


@pytest.fixture(scope="module")
def unfair() -> Subject:
    """What happens hangs together with sex, and a feature tells it."""
    data, columns = rows_of("binary", 3_000)
    rng, men = np.random.default_rng(3), data.columns["sex"] == "m"
    matrix = data.matrix.copy()
    matrix[:, data.features.index("noise")] = men + rng.normal(0, 0.4, len(data))
    outcomes = np.where(men | (rng.random(len(data)) < 0.5), data.outcomes, 0.0)
    goal = msgspec.structs.replace(goal_of("binary"), favourable="positive")
    return subject_with(goal, msgspec.structs.replace(data, matrix=matrix, outcomes=outcomes), columns)


@pytest.fixture(scope="module")
def found(unfair: Subject) -> Examined:
    return ask(unfair, Mitigation(by="sex", methods=("thresholds by group", "reweighing")))


def test_thresholds_reach_the_ratio_and_its_cost_is_the_difference_in_value(found: Examined):
    curve = found.tables["curve"]
    plain, (reached,) = curve[0], [each for each in curve if each["setting"] == "ratio at least 0.8"]
    assert plain["method"] == "as it is"
    assert plain["ratio"] < 0.7
    assert reached["validation_ratio"] >= 0.8
    assert reached["ratio"] > 0.7
    assert reached["cost"] == pytest.approx(plain["value"] - reached["value"])
    thresholds = [each for each in curve if each["method"] == "thresholds by group"]
    assert [each["validation_value"] for each in thresholds] == sorted(
        (each["validation_value"] for each in thresholds), reverse=True
    )


def test_the_setting_is_chosen_on_the_validation_rows_and_said_in_the_goals_unit(found: Examined):
    (chosen,) = (each for each in found.findings if each.detail["method"] == "thresholds by group")
    assert chosen.said.startswith(
        "By thresholds by group (ratio at least 0.8) the lowest rate of favourable decisions by sex comes from"
    )
    assert chosen.said.endswith("EUR per 1,000.")
    assert chosen.estimate is not None
    assert chosen.estimate.low < chosen.estimate.value < chosen.estimate.high


def test_a_way_that_does_not_reach_it_is_told_of(unfair: Subject):
    none = ask(unfair, Mitigation(by="sex", at_least=0.9999, methods=("reweighing",)))
    assert none.findings == []
    assert any(each.startswith("reweighing reaches a ratio of 0.") for each in none.notes)


@pytest.mark.slow
def test_constrained_training_brings_groups_nearer_and_is_a_lottery(unfair: Subject):
    pytest.importorskip("fairlearn", reason="kreis[fairness] is not installed")
    tried = ask(unfair, Mitigation(by="sex", methods=("constrained training",)))
    plain, *constrained = tried.tables["curve"]
    assert max(each["ratio"] for each in constrained) > plain["ratio"] + 0.1
    assert any("drawn by lot" in each for each in tried.notes)


def test_it_lacks_what_it_cannot_do_without():
    thresholds = Mitigation(by="sex", methods=("thresholds by group",))
    assert "yes or no" in ask(subject("regression"), thresholds).lacks
    assert "yes or no" in ask(without_features(), thresholds).lacks
    assert "judge_by" in ask(replace(subject("binary"), judge_by=()), Mitigation()).lacks
    assert "judge_by" in ask(subject("binary"), replace(thresholds, by="age")).lacks
    with pytest.raises(ProjectError, match="rewaying"):
        Mitigation(methods=("rewaying",))
    with pytest.raises(ProjectError, match="at_least"):
        Mitigation(at_least=1.0)
