"""By how much blocks hang together because what happens to their rows is in part the same.

Forecasts of several periods overlap: what happens in a quarter is a part of what was forecast in each of the four
before it. The error of a forecast sums the surprises of the time that it covers (a random walk's does), so two errors
are correlated by r, the share of the time that both cover. What errors cost is less so: of two normal errors that are
correlated by r, squares and distances are by about r squared (Isserlis 1918). The variance of a mean over blocks is
then that of blocks which share nothing, times one more than twice the sum of what they share over all lags, as for a
moving average (Hansen and Hodrick 1980).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kreis.arrays import Codes, Floats

__all__ = ["Overlap", "overlap_of"]

_COMPARED = 1_000
"""Different rows that are compared with each other; of more, those of the first blocks."""


class Overlap(NamedTuple):
    """What blocks share for certain."""

    factor: float
    """By what the variance of their sum is larger than that of blocks that share nothing; 1 or more."""
    neighbours: float
    """The correlation of neighbouring blocks that follows from it."""


def overlap_of(spans: Floats, blocks: Codes) -> Overlap:
    """What blocks share, by when their rows were asked about and when they were over.

    Args:
        spans: When each row was asked about and when it was over, in any unit, shape (n, 2).
        blocks: The block of each row, codes 0..k-1, shape (n,).
    """
    return _overlap(np.ascontiguousarray(spans, dtype=np.float64).tobytes(), blocks.astype(np.int64).tobytes())


@lru_cache(maxsize=64)
def _overlap(spanned: bytes, blocked: bytes) -> Overlap:
    """The same for all metrics of the same rows."""
    spans, blocks = np.frombuffer(spanned).reshape(-1, 2), np.frombuffer(blocked, dtype=np.int64)
    rows, counts = np.unique(np.column_stack([blocks, spans]), axis=0, return_counts=True)
    if len(rows) > _COMPARED:
        whole = rows[:, 0] <= max(rows[_COMPARED, 0] - 1, 1.0)
        rows, counts = rows[whole], counts[whole]
    if not len(rows):
        return Overlap(1.0, 0.0)
    start, end = rows[:, 1], rows[:, 2]
    both = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    long = np.maximum(end - start, 1e-300)
    alike = np.clip(both, 0.0, None) ** 2 / (long[:, None] * long) * counts[:, None] * counts
    firsts = np.flatnonzero(np.diff(rows[:, 0], prepend=-1.0))
    between = np.add.reduceat(np.add.reduceat(alike, firsts, axis=0), firsts, axis=1)
    lags = [float(np.diagonal(between, lag).mean()) for lag in range(len(firsts))]
    shared = [each / lags[0] for each in lags[1:]] if lags[0] > 0 else []
    return Overlap(1 + 2 * sum(shared), shared[0] if shared else 0.0)
