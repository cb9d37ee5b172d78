"""Whether an announcement means the same in all groups."""

from __future__ import annotations

from kreis.evaluation.metrics.across import least_over_most, least_over_most_influence
from kreis.evaluation.metrics.metric import Better, Floats, Rows
from kreis.evaluation.metrics.precision import Precision

__all__ = ["PredictiveParity"]


class PredictiveParity:
    """The least over the greatest precision of the groups (Chouldechova 2017, definition 2, as a ratio)."""

    name = "predictive_parity"
    better: Better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The ratio; NaN unless two groups have the rate."""
        return least_over_most(Precision(), rows)

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return least_over_most_influence(Precision(), rows)
