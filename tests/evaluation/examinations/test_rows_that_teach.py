"""What is found of the rows that teach: wrong outcomes, rows known by heart, rows that do harm; and nothing on clean
ones.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject_with

from kreis.evaluation.examinations.examination import Examined, Subject
from kreis.evaluation.examinations.influence import Influence
from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.examinations.labels import LabelErrors
from kreis.evaluation.examinations.privacy import Memorising
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.data import TrainingData


def ask(examination: Any, subject: Subject) -> Examined:
    (found,) = examine([examination], subject, lambda stage, done, total: None)
    return found


def sure_rows(count: int = 1_500) -> tuple[TrainingData, dict[str, Any]]:
    """Rows whose outcome follows from what is known of them, but for the few that lie on the border."""
    data, columns = rows_of("binary", count)
    wish = np.nan_to_num(data.matrix[:, 0]) + (data.matrix[:, 1] - 49) / 20
    return msgspec.structs.replace(data, outcomes=(wish > 0).astype(float)), columns


def test_planted_label_errors_are_found_in_both_parts():
    data, columns = sure_rows()
    rng = np.random.default_rng(5)
    planted = rng.random(len(data)) < 0.05
    wrong = msgspec.structs.replace(data, outcomes=np.where(planted, 1 - data.outcomes, data.outcomes))
    it = subject_with(goal_of("binary"), wrong, columns)
    found = ask(LabelErrors(), it)
    rows = {(row["row"], row["part"]) for row in found.tables["suspects"]}
    real = {
        (f"row {place}", "test" if place in set(it.features.split.judging) else "train")
        for place in np.flatnonzero(planted)
    }
    assert len(rows & real) >= 0.8 * len(rows)
    judged, taught, *without = found.findings
    assert 0.02 < judged.estimate.value < 0.12
    assert 0.02 < taught.estimate.value < 0.12
    value = next(each for each in without if each.detail["metric"] == "value")
    assert value.estimate.value > value.detail["with"]
    assert found.tables["suspects"][0]["given"] in ("no", "yes")


def test_few_label_errors_are_suspected_where_there_are_none():
    found = ask(LabelErrors(), subject_with(goal_of("binary"), *sure_rows()))
    assert found.findings[0].estimate.value < 0.02


def test_a_model_that_learned_by_heart_gives_its_rows_away():
    data, columns = rows_of("binary", 800)
    deep = GradientBoosting(trees=200, leaves=60, rows_per_leaf=1, learning_rate=0.3)
    by_heart = ask(Memorising(), subject_with(goal_of("binary"), data, columns, candidate=deep))
    plain = ask(Memorising(), subject_with(goal_of("binary"), data, columns, candidate=Logistic()))
    advantage, share = (each.estimate for each in by_heart.findings)
    assert advantage.low > 0.2
    assert share.low > 0.05
    assert by_heart.serious
    assert by_heart.tables["memorised"][0]["more_probable"] > 0.9
    assert plain.findings[0].estimate.low < 0.02
    assert plain.findings[1].estimate.value == 0
    assert not plain.serious


@pytest.mark.parametrize("poisoned", [True, False])
def test_rows_that_do_harm_are_named_and_no_others(poisoned: bool):
    data, columns = rows_of("regression", 4_000)
    early = np.arange(len(data)) < 800
    planted = np.where(early & poisoned, -3 * data.outcomes, data.outcomes)
    it = subject_with(
        goal_of("regression"), msgspec.structs.replace(data, outcomes=planted), columns, candidate=Linear()
    )
    found = ask(Influence(), it)
    harmful = [(each.column, each.group) for each in found.findings if each.serious]
    assert harmful == ([("time", "stretch 1 of 5")] if poisoned else [])
    assert {each.estimate.level for each in found.findings} == {1 - (1 - 0.95) / len(found.findings)}
