"""What each feature of any model adds, from its scores alone: integrated gradients, taken by finite differences.

Along the straight line from the typical row (each feature's median among the training rows) to the one that is
explained, each feature is moved through each step by itself, half a step forth and half a step back: the central
difference of the score, times the way (Sundararajan, Taly and Yan 2017, sections 3 and 5). It is exact where the score
is linear, and what is left over elsewhere is told. What no straight line leads to (categories, missing and infinite
values) comes last, in whole steps, one feature after the other: the mean of both orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from kreis.arrays import Booleans, Floats, Integers
from kreis.errors import RefusalError
from kreis.models.explanations.additive import Link
from kreis.models.explanations.explainer import Contributions
from kreis.models.scoring import Matrix, Scorer, Texts

__all__ = ["MOST_FEATURES", "AlongPath", "typical_row"]

STEPS = 64
MOST_ROWS = 16_384
"""Rows that are scored for one explanation, in one batch: it bounds what a request may cost."""
_MOST_CELLS = 2**22
"""Rows times features."""
MOST_FEATURES = 350
"""Of more the line would have too few steps."""
_NEAREST = 1e-6
"""A probability counts as no nearer to 0 or 1: float32 does not tell them apart."""


class Seen(Protocol):
    """How a feature was distributed among the training rows."""

    @property
    def edges(self) -> Sequence[float]:
        """Inner edges of bins, ascending: values that occurred."""
        ...

    @property
    def counts(self) -> Sequence[int]:
        """Of each bin, one more than edges."""
        ...

    @property
    def missing(self) -> int:
        """How often it was missing."""
        ...

    @property
    def high(self) -> float | None:
        """The greatest value, where it is known."""
        ...


def typical_row(features: Sequence[str], seen: Mapping[str, Seen], categories: Mapping[str, object]) -> Matrix:
    """Each feature's median among the training rows, of a category the most frequent one; shape (f,).

    Args:
        features: In order.
        seen: How each was distributed.
        categories: Which of them are categories.
    """
    return np.array([_typical(seen[name], name in categories) for name in features], dtype=np.float32)


def _typical(seen: Seen, category: bool) -> float:
    counts = np.array(seen.counts)
    if not counts.sum() or seen.missing > counts.sum():
        return np.nan
    place = int(counts.argmax() if category else np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    ends = [*seen.edges, np.nan if seen.high is None else seen.high]  # bins end at values that occurred
    return ends[place]


class AlongPath:
    """Tells what each feature adds to a model's answer. Safe to share between threads."""

    mapped = False

    def __init__(self, scorer: Scorer, base: Matrix, categories: Booleans, link: Link) -> None:
        """Put together.

        Args:
            scorer: The model.
            base: Where the line begins, shape (f,); NaN where missing.
            categories: Which features are categories, shape (f,).
            link: What turns its margin into its score: "sigmoid" of a probability, "softmax" of classes, "identity".
        """
        self.link: Link = link
        self._scorer, self._base, self._categories = scorer, base, categories

    def explain(self, matrix: Matrix, texts: Texts | None = None) -> Contributions:
        """What each feature adds; `left` is what the parts miss of the margin.

        Args:
            matrix: The features as the model takes them, float32 of shape (n, f), NaN where missing.
            texts: None: what reads texts is not explained so.

        Raises:
            RefusalError: it has too many features, or its scores are no numbers.
        """
        if len(self._base) > MOST_FEATURES:
            said = f"it has {len(self._base):,} features, explained are up to {MOST_FEATURES:,}"
            raise RefusalError(said, where="explanation")
        parts = [self._one(row) for row in matrix]
        base, features, left = (np.stack(each) for each in zip(*parts, strict=True))
        return Contributions(base=base, features=features, columns=features, left=left)

    def _one(self, row: Matrix) -> tuple[Floats, Floats, Floats]:
        """Of one row: base, shape (k,), parts, shape (k, f), and what is left, shape (k,)."""
        base = self._base.astype(np.float64)
        same = (row == self._base) | (np.isnan(row) & np.isnan(self._base))
        whole = ~same & (self._categories | ~np.isfinite(row) | ~np.isfinite(base))
        smooth = np.flatnonzero(~same & ~whole)
        width = len(row)
        steps = min(STEPS, MOST_ROWS // (2 * width), _MOST_CELLS // (2 * width**2))
        way = np.where(~same & ~whole, row - base, 0.0)
        middles = base + (np.arange(steps)[:, None] + 0.5) / steps * way
        line = np.empty((2, len(smooth), *middles.shape), dtype=np.float32)
        line[:] = middles
        half = way[smooth] / (2 * steps)
        for place, (at, move) in enumerate(zip(smooth, half, strict=True)):
            line[0, place, :, at] -= move
            line[1, place, :, at] += move
        reached = np.where(whole, self._base, row)
        last = np.flatnonzero(whole)
        orders = [_one_by_one(reached, row, order) for order in (last, last[::-1])]
        margins = self._margins(np.vstack([self._base[None], row[None], *orders, line.reshape(-1, width)]))
        parts = np.zeros((margins.shape[1], width))
        count = len(last) + 1
        for begin, order in ((2, last), (2 + count, last[::-1])):
            parts[:, order] += np.diff(margins[begin : begin + count], axis=0).T / 2
        below, above = margins[2 + 2 * count :].reshape(2, len(smooth), steps, margins.shape[1])
        parts[:, smooth] = (above - below).sum(axis=1).T
        return margins[0], parts, margins[1] - margins[0] - parts.sum(axis=1)

    def _margins(self, rows: Matrix) -> Floats:
        scores = np.asarray(self._scorer.score(rows), dtype=np.float64)
        scores = scores.reshape(len(rows), -1)
        if not np.isfinite(scores).all():
            raise RefusalError("its scores are no numbers on the way from the typical row", where="explanation")
        if self.link == "identity":
            return scores
        kept = np.clip(scores, _NEAREST, 1 - _NEAREST)
        margins: Floats = np.log(kept) if self.link == "softmax" else np.log(kept) - np.log1p(-kept)
        return margins


def _one_by_one(begin: Matrix, end: Matrix, order: Integers) -> Matrix:
    """Rows from one to the other, of which each has one feature more of the other, shape (m + 1, f)."""
    rows = np.repeat(begin[None], len(order) + 1, axis=0)
    for place, at in enumerate(order):
        rows[place + 1 :, at] = end[at]
    return rows
