"""Mean squared error of the probabilities."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["Brier"]


class Brier(RatioMetric):
    """Brier 1950, for two classes in its half form: the mean of (score - outcome) squared."""

    name = "brier"
    better = "lower"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Squared error; one."""
        return (rows.scores - rows.outcomes) ** 2, np.ones(len(rows))
