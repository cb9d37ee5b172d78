"""`Coverage` is declared, checked, and fitted on the validation rows."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from tests.evaluation.examinations.subjects import GOALS, subject, without_features

from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.coverage import Coverage
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.sets import CoverageSet
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.goal_metric import task_of


@pytest.mark.parametrize("kind", GOALS)
def test_fitted_on_validation_rows_it_covers_the_test_rows(kind):
    model = subject(kind)
    part = Coverage(0.8).fit(model, lambda content: "")
    assert isinstance(part, CoverageInterval if kind == "regression" else CoverageSet)
    rows, test = len(model.features.split.validation), model.features.test
    assert part.rows in (rows, (rows + 1) // 2)
    scores = model.features.scorer.score(test.matrix)
    if isinstance(part, CoverageInterval):
        low, high = part.ends(scores, None)
        held = (low <= test.outcomes) & (test.outcomes <= high)
    else:
        held = part.included(scores, None)[np.arange(len(test)), model.task.labels(test.outcomes).astype(int)]
    assert held.mean() == pytest.approx(0.8, abs=0.1)


def test_groups_are_those_of_the_validation_rows():
    model = subject("binary")
    regions = np.where(np.arange(len(model.features.data)) % 2, "odd", "even").tolist()
    behind = dataclasses.replace(model.features, column=lambda name: regions)
    part = Coverage(0.9, by="region").fit(dataclasses.replace(model, features=behind), lambda content: "")
    assert list(part.quantile.groups) == ["even", "odd"]
    assert part.quantile.by == "region"


def test_it_says_why_it_cannot_be_fitted():
    assert "not kept" in (Coverage().lacks(without_features()) or "")
    assert "a level of 0.99999 takes 100,000" in (Coverage(0.99999).lacks(subject("binary")) or "")
    old = dataclasses.replace(subject("binary").features)
    trained = msgspec.structs.replace(old.trained, validation_scores=None)
    older = dataclasses.replace(subject("binary"), features=dataclasses.replace(old, trained=trained))
    assert "not kept" in (Coverage().lacks(older) or "")
    assert Coverage().lacks(subject("binary")) is None


def test_it_is_refused_where_it_is_declared_wrongly():
    task = task_of(GOALS["binary"], None)
    with pytest.raises(ProjectError, match=r"level is 1\.5"):
        Coverage(1.5)
    with pytest.raises(ProjectError, match="method"):
        Coverage(method="cqr")
    with pytest.raises(ProjectError, match="regoin"):
        Coverage(by="regoin").check(task, {"region": "string"}, ())
    with pytest.raises(ProjectError, match="moment"):
        Coverage(by="at").check(task, {"at": "datetime"}, ())
    with pytest.raises(ProjectError, match="says no probabilities"):
        Coverage().check(task_of(AlarmValue("EUR", true_positive=10.0, false_positive=-1.0), None), {}, ())
    Coverage(by="region").check(task, {"region": "string"}, ())
