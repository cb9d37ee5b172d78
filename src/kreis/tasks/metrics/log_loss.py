"""Mean surprise at the outcomes."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["LogLoss"]

_NEAREST = 1e-15


class LogLoss(RatioMetric):
    """Minus the mean log-likelihood, in nats; scores are kept away from 0 and 1 by 1e-15."""

    name = "log_loss"
    better = "lower"
    bounds = (0.0, -float(np.log(_NEAREST)))

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Minus the log-likelihood; one."""
        chance = np.where(rows.outcomes, rows.scores, 1.0 - rows.scores)
        return -np.log(np.clip(chance, _NEAREST, 1.0)), np.ones(len(rows))
