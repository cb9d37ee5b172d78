"""Training keeps what a model said of the validation rows before it learned from them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import GOALS, goal_of, rows_of

from kreis import GradientBoosting
from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import TrainedCandidate, train


@pytest.mark.parametrize("kind", GOALS)
def test_scores_are_those_of_what_had_learned_from_the_other_rows_alone(kind):
    data, _ = rows_of(kind)
    task = goal_of(kind).task
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=task)
    made = GradientBoosting(trees=10, leaves=5)
    found, before = (train(made, data, name="it", split=split, task=task, refit=again) for again in (True, False))
    stored = TrainedCandidate.from_document(found.to_document())
    with pytest.raises(ProjectError, match="its bytes are not there"):
        stored.validation_scores.array()
    bytes_of = {digest_of(content): content for content in found.contents}
    kept = stored.opened(bytes_of.__getitem__).validation_scores.array()
    rows = data.take(split.validation)
    np.testing.assert_array_equal(kept, before.scorer().score(rows.matrix, rows.texts))
    assert not np.array_equal(kept, found.scorer().score(rows.matrix, rows.texts))


def test_a_candidate_of_an_earlier_version_has_none():
    data, _ = rows_of("binary")
    task = goal_of("binary").task
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=task)
    document = train(GradientBoosting(trees=2), data, name="it", split=split, task=task).to_document()
    del document["validation_scores"]
    assert TrainedCandidate.from_document(document).validation_scores is None
