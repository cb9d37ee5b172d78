"""How features were distributed in the training data: the reference that drift is measured against.

NumPy only: monitoring counts live values into the same bins with the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "count_values", "histogram", "quantile_edges", "reference_histograms"]

BINS = 20
_WEEKS = 106
_DAY_US = 86_400_000_000


class Histogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a feature was distributed in the training data: the reference for drift.

    `edges` are k inner edges, ascending; `counts` are k+1 counts of the values in
    (-inf, e0], (e0, e1], …, (ek-1, inf); `missing` counts the NaN. An infinity falls into an outer bin.
    """

    edges: list[float]
    counts: list[int]
    missing: int
    low: float | None = None
    """The least value; None where it is not finite, or not known (packages of versions before 0.2)."""
    high: float | None = None
    """The greatest value; None as `low`."""
    begins: str = ""
    """The day (ISO 8601) on which the first of `weeks` begins."""
    weeks: list[list[int]] = []
    """Counts by week, `missing` last: how a feature varies over weeks and seasons. At most the last two years."""

    @property
    def ranged(self) -> bool:
        """Whether values beyond those of the training data can be told."""
        return self.low is not None and self.high is not None


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


def histogram(
    values: npt.NDArray[np.floating], bins: int = BINS, *, times: npt.NDArray[np.int64] | None = None
) -> Histogram:
    """The histogram of values, shape (n,), over their own quantiles.

    Args:
        values: Shape (n,); NaN is missing.
        bins: How many at most.
        times: When each value was, microseconds since 1970, shape (n,); gives `weeks`, the last one whole.
    """
    edges = quantile_edges(values, bins)
    counts, missing = count_values(values, edges)
    present = values[~np.isnan(values)]
    finite = present.size > 0 and bool(np.isfinite(present).all())
    begins, weeks = _by_week(values, edges, times) if times is not None and len(times) else ("", [])
    return Histogram(
        edges.tolist(),
        counts.tolist(),
        missing,
        low=float(present.min()) if finite else None,
        high=float(present.max()) if finite else None,
        begins=begins,
        weeks=weeks,
    )


def reference_histograms(
    matrix: npt.NDArray[np.floating],
    features: Sequence[str],
    bins: int = BINS,
    *,
    times: npt.NDArray[np.int64] | None = None,
) -> dict[str, Histogram]:
    """One histogram for each column of a matrix of shape (n, f), by feature name."""
    return {name: histogram(matrix[:, place], bins, times=times) for place, name in enumerate(features)}


def _by_week(
    values: npt.NDArray[np.floating], edges: npt.NDArray[np.float64], times: npt.NDArray[np.int64]
) -> tuple[str, list[list[int]]]:
    """The first day of the first whole week, and each week's counts; weeks end with the last day."""
    days = times // _DAY_US
    last, first = int(days.max()), int(days.min())
    count = min((last - first + 1) // 7, _WEEKS)
    if count == 0:
        return "", []
    start = last - 7 * count + 1
    places = np.searchsorted(edges, values.astype(np.float64, copy=False), side="left")
    places[np.isnan(values)] = len(edges) + 1
    kept = days >= start
    width = len(edges) + 2
    flat = (days[kept] - start) // 7 * width + places[kept]
    counted = np.bincount(flat, minlength=count * width).reshape(count, width)
    return (date(1970, 1, 1) + timedelta(days=start)).isoformat(), counted.tolist()
