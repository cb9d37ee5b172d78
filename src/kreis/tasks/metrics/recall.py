"""How many of the positives were announced."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import DecidedShare

__all__ = ["Recall"]


class Recall(DecidedShare):
    """Recall: true positives over actual positives (sensitivity)."""

    name = "recall"
    better = "higher"
    rests_on = "with a positive outcome"

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced and happened; happened."""
        happened = rows.outcomes.astype(np.float64)
        return happened * rows.decisions, happened
