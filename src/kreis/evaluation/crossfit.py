"""What the candidate says of rows that taught it when it has not seen them: fitted anew without each part of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.evaluation.blocks import as_blocks
from kreis.evaluation.examinations.examination import FeatureRows, Subject, Tell
from kreis.models.scoring import Scorer
from kreis.tasks.metrics.metric import Rows
from kreis.training.data import TrainingData

__all__ = ["blocks_of", "on_its_own", "scores_of", "unseen_scores"]

_DAY = 86_400_000_000


def scores_of(subject: Subject, scorer: Scorer, rows: TrainingData) -> Floats:
    """What a model says of rows, shape (n,) or (n, k)."""
    return subject.task.answers(scorer.score(np.ascontiguousarray(rows.matrix), rows.texts))


def blocks_of(subject: Subject, rows: TrainingData) -> Codes:
    """Which of some rows belong together, as the split says of those that judge; shape (n,)."""
    if subject.rows.blocks_are == "days":
        return as_blocks(rows.time // _DAY)
    if subject.rows.blocks_are == "groups" and rows.labels is not None:
        return as_blocks(rows.labels)
    return np.arange(len(rows))


def on_its_own(values: npt.NDArray[Any], blocks_are: str) -> Rows:
    """Rows of which no more is known than a number of each, shape (n,), and what their blocks are: for intervals."""
    return Rows(values, values.astype(np.float64), values, blocks_are=blocks_are)


def unseen_scores(subject: Subject, features: FeatureRows, folds: int, tell: Tell) -> Floats:
    """Scores of all rows that taught, shape (n,) or (n, k), each by a model that has not learned from its block.

    Blocks go to folds one after the other, so that each fold is spread over the whole time.

    Args:
        subject: Whose candidate it is.
        features: The rows behind it.
        folds: How many models are fitted.
        tell: Told of each.
    """
    rows = features.train
    part = blocks_of(subject, rows) % folds
    found: Floats | None = None
    for fold in range(folds):
        tell("fit without a part of the rows", fold, folds)
        held = np.flatnonzero(part == fold)
        if not len(held):
            continue
        scores = scores_of(subject, features.refit(rows.take(np.flatnonzero(part != fold))), rows.take(held))
        if found is None:
            found = np.full((len(rows), *scores.shape[1:]), np.nan)
        found[held] = scores
    return np.empty(0) if found is None else found
