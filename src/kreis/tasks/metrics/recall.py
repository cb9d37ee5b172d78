"""Of what happened, the share that was announced."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Better, Floats, Rows
from kreis.tasks.metrics.ratio import ratio_influence, ratio_value

__all__ = ["Recall"]


class Recall:
    """True positives over positives (sensitivity)."""

    name = "recall"
    better: Better = "higher"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced and happened; happened."""
        happened = rows.outcomes.astype(np.float64)
        return happened * rows.decisions, happened

    def value(self, rows: Rows) -> float:
        """The share; NaN if nothing happened."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))
