"""The rows that judge with changed features: what the model makes of them, beside what it makes of them as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.examinations.examination import FeatureRows, Subject
from kreis.evaluation.intervals import Estimate, paired_difference
from kreis.models.scoring import Matrix, Texts
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.texts import number

__all__ = ["SomeRows", "loses", "lost"]


def lost(value: Metric, some: SomeRows, changed: Rows, *, level: float) -> Estimate:
    """By how much a metric is worse on changed rows. Where not one score is another, the model does not look at what
    was changed, and nothing is lost; a difference that is merely not seen has no ends in a metric without bounds.
    """
    if np.array_equal(some.rows.scores, changed.scores, equal_nan=True):
        count = int(some.blocks.max(initial=-1)) + 1
        rows = len(changed) // changed.repeats
        return Estimate(value=0.0, low=0.0, high=0.0, level=level, n=rows, blocks=count, method="no score is another")
    return paired_difference(value, some.rows, changed, some.blocks, level=level)


def loses(loss: Estimate, unit: str) -> str:
    """What a change costs, in words that follow "the model"."""
    if not loss.defined:
        return "cannot be judged by what it is worth"
    if not loss.value and (math.isinf(loss.high) or loss.low == loss.high):
        return "loses nothing: not one of these decisions is worth more or less"
    if loss.high < 0:
        return f"gains {number(-loss.value)} ({number(-loss.high)} to {number(-loss.low)}) {unit}"
    return f"loses {loss} {unit}" if loss.low > 0 else f"is not shown to lose anything: {loss} {unit}"


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Some of the rows that judge, drawn by chance: every n-th of them could all be of one hour of the day. Whole
    groups, where rows are decided among each other; and of a row that judges several times all or none.
    """

    subject: Subject
    features: FeatureRows
    most: int

    @cached_property
    def kept(self) -> Booleans:
        """Which rows they are, shape (n,)."""
        groups = self.features.split.judging if self.features.test.groups is None else self.features.test.groups
        names = np.unique(groups)
        share = self.most / max(len(self.features.test), 1)
        if share >= 1:
            return np.ones(len(groups), dtype=bool)
        drawn = np.random.default_rng(0).permutation(len(names))[: max(int(share * len(names)), 1)]
        return np.isin(groups, names[drawn])

    @cached_property
    def places(self) -> Codes:
        """Their places among the rows that judge."""
        return np.flatnonzero(self.kept)

    @cached_property
    def rows(self) -> Rows:
        """With the scores and decisions on their features as they are."""
        return self.subject.rows.where(self.kept)

    @cached_property
    def blocks(self) -> Codes:
        """Which of them belong together."""
        return np.unique(self.subject.blocks[self.kept], return_inverse=True)[1].astype(np.int64)

    @property
    def matrix(self) -> Matrix:
        """Their features as they are, float32 of shape (m, f); a copy, to be changed."""
        found: Matrix = self.features.test.matrix[self.kept].copy()
        return found

    @property
    def texts(self) -> Texts | None:
        """What they say, of the features that are read as texts, shape (m, t); a copy."""
        texts = self.features.test.texts
        return None if texts is None else texts[self.kept].copy()

    @property
    def note(self) -> list[str]:
        """That it is a sample, where it is one."""
        count, some = len(self.kept), len(self.places)
        return [] if count == some else [f"asked of {some:,} of the {count:,} rows that judge, drawn by chance"]

    def changed(self, matrices: Sequence[Matrix], texts: Sequence[Texts | None]) -> list[Rows]:
        """What the model makes of the rows with other features, for each of several changes.

        Args:
            matrices: The features, each float32 of shape (m, f).
            texts: What they say, each of shape (m, t) or None.
        """
        if self.features.split.folds:
            scores = [self._in_folds(matrix, said) for matrix, said in zip(matrices, texts, strict=True)]
        else:
            scores = self._at_once(matrices, texts)
        return [self.judged(each) for each in scores]

    def _at_once(self, matrices: Sequence[Matrix], texts: Sequence[Texts | None]) -> list[Floats]:
        known = [each for each in texts if each is not None]
        found = self.features.scorer.score(
            np.concatenate(matrices), np.concatenate(known) if len(known) == len(matrices) else None
        )
        return list(self.subject.task.answers(found).reshape(len(matrices), len(self.places), *found.shape[1:]))

    def _in_folds(self, matrix: Matrix, texts: Texts | None) -> Floats:
        """Each row by the model of its fold, so all rows are scored."""
        test = self.features.test
        every, said = test.matrix.copy(), None if test.texts is None else test.texts.copy()
        every[self.kept] = matrix
        if said is not None and texts is not None:
            said[self.kept] = texts
        return self.features.rescore(every, said)[self.kept]

    def judged(self, scores: Floats) -> Rows:
        """The rows with other scores, shape (m,) or (m, k), and what is decided by these."""
        groups = self.features.test.groups
        decision = self.subject.decision.among(None if groups is None else groups[self.kept])
        judged = self.subject.task.rows(self.rows.outcomes, scores, decision, where=self.subject.name)
        return replace(self.rows, scores=judged.scores, decisions=judged.decisions)
