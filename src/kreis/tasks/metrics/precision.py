"""Of what was announced, the share that happened."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Better, Floats, Rows
from kreis.tasks.metrics.ratio import ratio_influence, ratio_value

__all__ = ["Precision"]


class Precision:
    """True positives over positive decisions."""

    name = "precision"
    better: Better = "higher"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced and happened; announced."""
        announced = rows.decisions.astype(np.float64)
        return announced * rows.outcomes, announced

    def value(self, rows: Rows) -> float:
        """The share; NaN if nothing was announced."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))
