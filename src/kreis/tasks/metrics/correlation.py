"""Whether decisions vary with what happens."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["Correlation", "rank_agreement"]


class Correlation(Metric):
    """Pearson's correlation of decisions and outcomes."""

    name = "correlation"
    better = "higher"
    bounds = (-1.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The correlation; NaN where one of the two does not vary."""
        pair = _standardised(rows)
        return math.nan if pair is None else float((pair[0] * pair[1]).mean())

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,) (Devlin, Gnanadesikan and Kettenring 1975, eq. 2.2)."""
        pair = _standardised(rows)
        if pair is None:
            return np.zeros(len(rows))
        x, y = pair
        r = float((x * y).mean())
        influence: Floats = (x * y - r * (x**2 + y**2) / 2) / len(rows)
        return influence

    def weights(self, rows: Rows) -> Floats:
        """All alike."""
        return np.ones(len(rows))


def _standardised(rows: Rows) -> tuple[Floats, Floats] | None:
    if not len(rows):
        return None
    x, y = (each.astype(np.float64) for each in (rows.decisions, rows.outcomes))
    x, y = x - x.mean(), y - y.mean()
    spread = float(x.std()), float(y.std())
    return None if 0 in spread else (x / spread[0], y / spread[1])


def rank_agreement(values: Floats, outcomes: Floats) -> float:
    """The rank correlation (Spearman 1904), brought from [0, 1] to [0.5, 1]."""
    if len(values) < 2 or np.ptp(values) == 0 or np.ptp(outcomes) == 0:
        return 0.5
    return 0.5 + abs(float(np.corrcoef(_ranks(values), _ranks(outcomes))[0, 1])) / 2


def _ranks(values: Floats) -> Floats:
    """Mean ranks, shape (n,)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks
