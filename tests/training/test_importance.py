"""permutation_importance: what each feature is worth, with its error."""

from __future__ import annotations

import numpy as np

from kreis.expressions.tree import Column
from kreis.models.scoring import FormulaScorer
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut
from kreis.training.data import TrainingData
from kreis.training.importance import permutation_importance

METRIC = DecisionValue("EUR", true_positive=2.0, false_positive=-1.0, per=1000)


def rows(count: int) -> TrainingData:
    rng = np.random.default_rng(1)
    matrix = rng.random((count, 3)).astype(np.float32)
    matrix[:, 0] = rng.random(count) < 0.5
    times = np.arange(count, dtype=np.int64)
    return TrainingData(
        matrix=matrix, outcomes=matrix[:, 0] > 0.5, time=times, known_at=times + 1, features=["right", "noise", "more"]
    )


def test_only_the_feature_that_decides_is_worth_anything() -> None:
    found = permutation_importance(
        FormulaScorer(Column("right"), ["right", "noise", "more"]), rows(4000), decision=Cut(0.5), metric=METRIC, seed=3
    )
    right, noise, more = found
    # Shuffled, half of the rows that were right are wrong: 2 lost, or 1; so 750 per 1,000 decisions.
    assert abs(right.loss - 750) < 3 * right.error
    assert 10 < right.error < 40
    assert (noise.loss, noise.error, more.loss, more.error) == (0, 0, 0, 0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    scorer = FormulaScorer(Column("right"), ["right", "noise", "more"])
    first, again, other = (
        permutation_importance(scorer, rows(300), decision=Cut(0.5), metric=METRIC, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
