"""The goal's metric: what the decisions were worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows

if TYPE_CHECKING:
    from kreis.tasks.goal_metric import GoalMetric

__all__ = ["BusinessValue"]


@dataclass(frozen=True)
class BusinessValue(RatioMetric):
    """The goal's metric as a metric, in its own unit ("EUR per 1,000 flights")."""

    metric: GoalMetric
    name = "value"
    better = "higher"

    @property
    def bounds(self) -> tuple[float, float]:
        """The worst and the best case, always."""
        low, high = self.metric.bounds
        return low * self.metric.per, high * self.metric.per

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Each decision's value times `per`; one. Nothing of a row whose outcome is not known."""
        values = self.metric.values(rows.outcomes, rows.decisions)
        known = ~np.isnan(values)
        return np.where(known, values, 0.0) * self.metric.per, known.astype(np.float64)
