"""How often the decision is yes."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Better, Floats, Rows
from kreis.tasks.metrics.ratio import ratio_influence, ratio_value

__all__ = ["PositiveRate"]


class PositiveRate:
    """Positive decisions over rows."""

    name = "positive_rate"
    better: Better = "neither"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced; one."""
        return rows.decisions.astype(np.float64), np.ones(len(rows))

    def value(self, rows: Rows) -> float:
        """The share."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))
