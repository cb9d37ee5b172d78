"""Counting values into a histogram's bins, fast.

One comparison per edge over pieces that stay in the cache (the compiler makes vector instructions of it) beats
a binary search per value as long as edges are few: with 19 edges, 6 ms against 28 ms for a million values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes

__all__ = ["count_columns", "count_into"]

_PIECE = 8_192
_MANY = 64
"""From this many edges on, the binary search wins."""


def count_into(values: npt.NDArray[np.floating], edges: npt.ArrayLike) -> Codes:
    """Counts by bin, as `Histogram.counts` has them, and the missing last: shape (k + 2,) for k edges.

    Args:
        values: Shape (n,); NaN is missing, infinities fall into the outer bins.
        edges: Inner edges, shape (k,), ascending; a bin holds its upper edge.
    """
    inner = np.asarray(edges, dtype=np.float64)
    if len(inner) > _MANY:
        return _by_search(values, inner)
    above = np.zeros(len(inner) + 2, dtype=np.int64)
    missing = 0
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE].astype(np.float64, copy=False)
        missing += int(np.count_nonzero(piece != piece))
        for place, edge in enumerate(inner, start=1):
            above[place] += np.count_nonzero(piece > edge)
    above[0] = len(values) - missing
    return np.append(above[:-1] - above[1:], missing)


def count_columns(matrix: npt.NDArray[np.floating], edges: list[npt.NDArray[np.float64]]) -> list[Codes]:
    """`count_into` for each column of a row-major matrix of shape (n, f), reading it once."""
    counts = [np.zeros(len(each) + 2, dtype=np.int64) for each in edges]
    for start in range(0, len(matrix), _PIECE):
        piece = np.ascontiguousarray(matrix[start : start + _PIECE].T)
        for column, each in enumerate(edges):
            counts[column] += count_into(piece[column], each)
    return counts


def _by_search(values: npt.NDArray[np.floating], edges: npt.NDArray[np.float64]) -> Codes:
    present = values[~np.isnan(values)].astype(np.float64, copy=False)
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(present)).astype(np.int64)
