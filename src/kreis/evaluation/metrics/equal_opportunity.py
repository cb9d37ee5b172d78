"""Whether what happens is announced equally often in all groups."""

from __future__ import annotations

from kreis.evaluation.metrics.across import least_over_most, least_over_most_influence
from kreis.evaluation.metrics.metric import Better, Floats, Rows
from kreis.evaluation.metrics.recall import Recall

__all__ = ["EqualOpportunity"]


class EqualOpportunity:
    """The least over the greatest recall of the groups (Hardt, Price and Srebro 2016, definition 2.2, as a ratio)."""

    name = "equal_opportunity"
    better: Better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The ratio; NaN unless two groups have the rate."""
        return least_over_most(Recall(), rows)

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return least_over_most_influence(Recall(), rows)
