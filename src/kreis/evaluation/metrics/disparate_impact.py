"""Whether groups get positive decisions equally often."""

from __future__ import annotations

from kreis.evaluation.metrics.across import least_over_most, least_over_most_influence
from kreis.evaluation.metrics.metric import Better, Floats, Rows
from kreis.evaluation.metrics.positive_rate import PositiveRate

__all__ = ["DisparateImpact"]


class DisparateImpact:
    """The least over the greatest positive rate of the groups (29 CFR 1607.4 D: the four-fifths rule)."""

    name = "disparate_impact"
    better: Better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The ratio; NaN unless two groups have the rate."""
        return least_over_most(PositiveRate(), rows)

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return least_over_most_influence(PositiveRate(), rows)
