"""How often it happens."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import Share

__all__ = ["BaseRate"]


class BaseRate(Share):
    """Positive outcomes over rows."""

    name = "base_rate"
    better = "neither"

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Happened; one."""
        return rows.outcomes.astype(np.float64), np.ones(len(rows))
