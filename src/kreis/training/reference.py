"""How features were distributed in the training data: the reference that drift is measured against.

NumPy only: monitoring counts live values into the same bins with the same function.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "count_values", "histogram", "quantile_edges", "reference_histograms"]

BINS = 20


class Histogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a feature was distributed in the training data: the reference for drift.

    `edges` are k inner edges, ascending; `counts` are k+1 counts of the values in
    (-inf, e0], (e0, e1], …, (ek-1, inf); `missing` counts the NaN. An infinity falls into an outer bin.
    """

    edges: list[float]
    counts: list[int]
    missing: int


def quantile_edges(values: npt.NDArray[np.floating], bins: int = BINS) -> npt.NDArray[np.float64]:
    """The inner edges of at most `bins` bins that hold about equally many of the values, shape (k,), ascending.

    Edges are values that occur (inverse of the empirical distribution, Hyndman and Fan 1996, type 1), so a feature
    with at most `bins` distinct values gets one bin for each of them. NaN are left out; with no value left there is
    no edge.
    """
    kept = np.sort(values[~np.isnan(values)])
    if kept.size == 0:
        return np.empty(0)
    distinct = kept[np.flatnonzero(np.append(True, kept[1:] != kept[:-1]))]
    if distinct.size <= bins:
        edges = distinct[:-1]
    else:
        ranks = np.ceil(np.arange(1, bins) / bins * kept.size).astype(np.intp) - 1
        edges = np.unique(kept[ranks])
        edges = edges[edges < kept[-1]]
    finite: npt.NDArray[np.float64] = edges[np.isfinite(edges)].astype(np.float64)
    return finite


def count_values(values: npt.NDArray[np.floating], edges: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], int]:
    """Count values, shape (n,), into the bins between edges, shape (k,): k+1 counts, and the number of NaN."""
    inner = np.asarray(edges, dtype=np.float64)
    present = values[~np.isnan(values)]
    places = np.searchsorted(inner, present.astype(np.float64, copy=False), side="left")
    return np.bincount(places, minlength=inner.size + 1).astype(np.int64), int(values.size - present.size)


def histogram(values: npt.NDArray[np.floating], bins: int = BINS) -> Histogram:
    """The histogram of values, shape (n,), over their own quantiles."""
    edges = quantile_edges(values, bins)
    counts, missing = count_values(values, edges)
    return Histogram(edges.tolist(), counts.tolist(), missing)


def reference_histograms(
    matrix: npt.NDArray[np.floating], features: Sequence[str], bins: int = BINS
) -> dict[str, Histogram]:
    """One histogram for each column of a matrix of shape (n, f), by feature name."""
    return {name: histogram(matrix[:, place], bins) for place, name in enumerate(features)}
