"""How often the decision is yes."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import DecidedShare

__all__ = ["PositiveRate"]


class PositiveRate(DecidedShare):
    """Positive decisions over rows."""

    name = "positive_rate"
    better = "neither"
    rests_on = ""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Announced; one."""
        return rows.decisions.astype(np.float64), np.ones(len(rows))
