"""How large errors are beside those of a plain answer: below 1 is better than it."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["ScaledError"]


class ScaledError(RatioMetric):
    """The absolute errors over those of the reference (the first baseline) on the same rows.

    Of a forecast whose first baseline is the last value it is the mean absolute scaled error of Hyndman and Koehler
    (2006, "Another look at measures of forecast accuracy", section 3), scaled on the judged rows instead of on those
    that taught, so that all horizons count against the same horizon of the reference.
    """

    name = "scaled_error"
    better = "lower"
    bounds = (0.0, math.inf)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The distance of decision and outcome; that of the reference, 0 where there is none."""
        own = np.abs(rows.decisions - rows.outcomes).astype(np.float64)
        if rows.reference is None:
            return own, np.zeros(len(rows))
        return own, np.abs(rows.reference - rows.outcomes)
