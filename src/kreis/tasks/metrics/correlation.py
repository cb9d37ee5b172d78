"""Whether decisions vary with what happens."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["Correlation"]


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
