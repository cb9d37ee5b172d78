"""Whether rows are strange is asked only where they have not taught."""

from __future__ import annotations

from dataclasses import replace

from tests.evaluation.examinations.subjects import subject

from kreis.evaluation.examinations.familiarity import MeasuredFamiliarity
from kreis.training.splits.cross_validation import CrossValidation


def test_rows_that_teach_in_other_folds_are_not_asked_whether_they_are_strange():
    examined = subject("binary")
    behind = examined.features
    assert behind is not None
    data = behind.data
    split = CrossValidation(folds=3).split(data.time, data.known_at, data.outcomes, task=examined.task)
    folded = replace(examined, features=replace(behind, split=split))
    assert MeasuredFamiliarity().lacks(examined) is None
    assert "teach" in (MeasuredFamiliarity().lacks(folded) or "")
