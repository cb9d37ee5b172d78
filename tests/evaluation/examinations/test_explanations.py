"""What a model rests on: losses by shuffling, effects of the most important features."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import (
    FEATURES,
    GOALS,
    goal_of,
    rows_of,
    subject,
    subject_with,
    without_features,
)

from kreis.evaluation.examinations.examination import Examined, Subject
from kreis.evaluation.examinations.explanations import Explanations
from kreis.evaluation.examinations.gate import Gate, judge_gate


def ask(model: Subject, **options: int) -> Examined:
    return Explanations(**options).examine(model, lambda stage, done, total: None)


@pytest.mark.parametrize("kind", GOALS)
def test_what_the_outcome_follows_from_costs_most(kind: str) -> None:
    found = ask(subject(kind))
    order = [each["feature"] for each in found.tables["importance"]]
    assert set(order) == set(FEATURES)
    assert set(order[:2]) == {"income", "age"}
    by = {each.column: each.estimate for each in found.findings}
    assert by["noise"].low <= 0 <= by["noise"].high
    assert max(each.low for each in by.values()) > 0
    assert [each.column for each in found.findings] == order


def test_an_effect_rises_with_what_the_outcome_rises_with() -> None:
    found = ask(subject("regression"))
    effects = [each for each in found.tables["effects"] if each["feature"] == "age"]
    assert effects[-1]["effect"] > effects[0]["effect"] + 5
    assert effects[-1]["low"] > effects[0]["high"]
    assert all(each["low"] <= each["effect"] <= each["high"] for each in effects)


@pytest.mark.parametrize("kind", GOALS)
def test_categories_have_an_effect_at_each_level(kind: str) -> None:
    """Red raises what is wished; blue and green do nothing."""
    found = ask(subject(kind)).tables["effects_of_categories"]
    of = {"multiclass": "high"}.get(kind)
    red, *others = sorted(
        (each for each in found if each["feature"] == "colour" and each.get("of") == of),
        key=lambda each: each["category"] != "red",
    )
    assert {each["category"] for each in others} == {"blue", "green"}
    assert all(each["low"] <= each["effect"] <= each["high"] for each in (red, *others))
    assert red["effect"] > max(each["effect"] for each in others)
    assert sum(each["rows"] * each["effect"] for each in (red, *others)) == pytest.approx(0, abs=1e-6)
    assert all("value" not in each for each in found)


def test_each_class_has_an_effect_of_its_own() -> None:
    found = ask(subject("multiclass"))
    of_age = [each for each in found.tables["effects"] if each["feature"] == "age"]
    ages = {of: [each for each in of_age if each["of"] == of] for of in ("low", "high")}
    assert ages["low"][0]["effect"] > ages["low"][-1]["effect"]
    assert ages["high"][0]["effect"] < ages["high"][-1]["effect"]


def test_few_features_are_told_and_rows_are_drawn_by_chance() -> None:
    found = ask(subject("binary"), features=1, most=100)
    assert len(found.findings) == 1
    assert len({each["feature"] for each in found.tables["effects"]} | {"colour"}) <= 2
    assert any("drawn by chance" in each for each in found.notes)


def test_what_reads_no_features_is_not_asked() -> None:
    assert Explanations().lacks(without_features()) == "it reads no features"


def test_shuffling_leaves_the_rows_as_they_were() -> None:
    model = subject("binary")
    before = model.features.test.matrix.copy()
    ask(model)
    assert np.array_equal(model.features.test.matrix, before, equal_nan=True)
    assert dataclasses.asdict(Explanations()) == {"features": 10, "bins": 10, "most": 1_000}


def test_a_gate_passes_of_a_feature_at_which_the_model_does_not_look():
    """A metric without bounds would have an endless interval where nothing differs: the gate stayed undecided."""
    data, columns = rows_of("regression")
    data.matrix[:, 3] = 1.0  # one value: no tree can look at it
    found = ask(subject_with(goal_of("regression"), data, columns))
    noise = next(each for each in found.findings if each.column == "noise")
    assert noise.said == (
        "with 'noise' shuffled among the rows the model loses nothing: not one of these decisions is worth more or less"
    )
    assert judge_gate(Gate("permutation_loss", at_most=0.5, by="noise"), [found]).outcome == "pass"
