"""What is lost where inputs are other than usual: measured on really changed rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with

from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.examinations.robustness import Robustness
from kreis.training.candidates.logistic import Logistic


def ask(it, **options):
    (found,) = examine([Robustness(**options)], it, lambda stage, done, total: None)
    return found


def test_robustness_tells_of_each_kind_of_change():
    found = ask(subject("binary"))
    kinds = {each.measure for each in found.findings}
    assert kinds == set(Robustness.measures)
    assert {row["kind"] for row in found.tables["changes"]} == {
        "noise",
        "missing",
        "units",
        "unseen",
        "swapped",
        "stale",
    }


def test_the_loss_without_a_column_is_that_of_the_model_without_it():
    it = subject("regression")
    rows = {(row["kind"], row["feature"]): row["loss"] for row in ask(it).tables["changes"]}
    matrix = it.features.test.matrix.copy()
    matrix[:, 1] = np.nan
    decided = it.decision.many(it.features.rescore(matrix))
    value = it.goal.metric.values(it.rows.outcomes, decided).mean() * it.goal.metric.per
    usual = it.goal.metric.values(it.rows.outcomes, it.rows.decisions).mean() * it.goal.metric.per
    assert rows["missing", "age"] == pytest.approx(usual - value)
    assert rows["missing", "age"] > 1_000
    worst = next(each for each in ask(it).findings if each.measure == "loss_by_missing")
    assert worst.column == "age"
    assert worst.estimate.value == pytest.approx(rows["missing", "age"])
    assert worst.estimate.low > 0


def test_a_feature_that_the_model_does_not_use_costs_nothing():
    data, columns = rows_of("binary")
    data.matrix[:, 3] = 5.0
    rows = ask(subject_with(goal_of("binary"), data, columns, candidate=Logistic())).tables["changes"]
    assert [row["loss"] for row in rows if row["feature"] == "noise" and row["kind"] != "missing"] == [0.0, 0.0]


def test_a_stale_value_is_the_last_one_of_the_same_entity():
    it = subject("binary")
    alone = replace(it, features=replace(it.features, entity_of=lambda feature: np.arange(len(it.features.data))))
    assert all(row["loss"] == 0 for row in ask(alone).tables["changes"] if row["kind"] == "stale")
    stale = [row["changed"] for row in ask(it).tables["changes"] if row["kind"] == "stale"]
    assert len(stale) == 1
    assert stale[0] > 0.05


def test_of_many_rows_some_drawn_by_chance_are_asked():
    found = ask(subject("binary"), most=100)
    assert found.notes == ["asked of 100 of the 300 rows that judge, drawn by chance"]
    assert all(each.estimate.n == 100 for each in found.findings)


def test_an_amount_that_moves_by_next_to_nothing_is_no_other_decision():
    found = ask(subject("regression"))
    by_noise = next(each for each in found.findings if each.measure == "decisions_changed_by_noise")
    assert "by more than a tenth of their spread on" in by_noise.said
    assert by_noise.estimate is not None
    assert by_noise.estimate.value < 0.5
