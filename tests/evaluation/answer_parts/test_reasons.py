"""`Reasons` is declared, checked, and fitted from what training kept."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, subject, without_features

from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.part import DeclaredPart
from kreis.evaluation.answer_parts.reasons import Reasons
from kreis.models.answer_parts.testing import Asked
from kreis.project import Project


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass"])
def test_the_reasons_go_with_an_answer_and_add_up_to_it(kind: str) -> None:
    model = subject(kind)
    behind = model.features
    assert Reasons().lacks(model) is None
    kept: dict[str, bytes] = {}
    part = Reasons(2).fit(model, lambda content: kept.setdefault(behind.trained.explanation.sha256, content) and "")
    opened = part.open(kept.__getitem__, behind.trained.features)
    rows = behind.test.matrix[:20]
    scores = behind.scorer.score(rows, None)
    for row, score, said in zip(rows, scores, opened.many(rows, scores, [Asked()] * 20), strict=True):
        assert said["base"] + sum(each["adds"] for each in said["reasons"]) + said.get("others", 0.0) == pytest.approx(
            said["margin"], abs=1e-9
        )
        assert len(said["reasons"]) == min(2, len(row))
        if kind == "binary":
            assert 1 / (1 + np.exp(-said["margin"])) == pytest.approx(score, abs=1e-6)
        if kind == "multiclass":
            assert said["of"] in part.names


def test_it_is_a_part_as_a_project_takes_them() -> None:
    part: DeclaredPart = Reasons(3)
    goal = goal_of("binary")
    project = Project("loans", goal=goal)
    project.answer_with(part)
    assert "explanations" in [each.name for each in project.examinations]
    assert project.answer_parameters == {"reasons": {"most": 3, "immutable": ()}}


def test_what_is_no_sum_is_not_explained() -> None:
    assert "no sum" in (Reasons().lacks(without_features()) or "")
    model = subject("binary")
    older = msgspec.structs.replace(model.features.trained, explanation=None)
    behind = dataclasses.replace(model.features, trained=older)
    assert "no sum" in (Reasons().lacks(dataclasses.replace(model, features=behind)) or "")


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ProjectError, match="features are asked for"):
        Reasons(0)
    with pytest.raises(ProjectError, match="immutable is one text"):
        Reasons(3, immutable="age")
    task = subject("binary").task
    with pytest.raises(ProjectError, match="did you mean 'age'"):
        Reasons(3, immutable=["agee"]).check(task, {"age": "number"}, ["row__income"])
    with pytest.raises(ProjectError, match="did you mean 'row__income'"):
        Reasons(3, immutable=["row__incom"]).check(task, {"age": "number"}, ["row__income"])
    Reasons(3, immutable=["age", "row__age"]).check(task, {"age": "number"}, ["row__age"])
