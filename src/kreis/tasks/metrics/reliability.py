"""The reliability diagram as data: what was said, and what happened on average, bin by bin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats

__all__ = ["bins_of", "diagram"]


def bins_of(said: Floats, count: int) -> Codes:
    """Each row's bin, of at most so many with about equally many rows, shape (n,); equal values always share one."""
    edges = np.unique(np.quantile(said, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, said, side="left").astype(np.int64)


def diagram(said: Floats, happened: npt.ArrayLike, bins: Codes) -> list[dict[str, float]]:
    """Per bin the rows, the mean `score` and what happened on average (`frequency`); all of shape (n,)."""
    counts = np.bincount(bins)
    score, happens = (np.bincount(bins, weights=np.asarray(each, dtype=np.float64)) for each in (said, happened))
    return [
        {"rows": float(counts[b]), "score": float(score[b] / counts[b]), "frequency": float(happens[b] / counts[b])}
        for b in np.flatnonzero(counts)
    ]
