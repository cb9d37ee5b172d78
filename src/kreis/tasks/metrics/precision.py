"""How many of the announced cases happened."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import DecidedShare

__all__ = ["Precision"]


class Precision(DecidedShare):
    """Precision: true positives over positive decisions."""

    name = "precision"
    better = "higher"
    rests_on = "that were decided positively"

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced and happened; announced."""
        announced = rows.decisions.astype(np.float64)
        return announced * rows.outcomes, announced
