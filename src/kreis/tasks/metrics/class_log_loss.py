"""Mean surprise at which class it was."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.classes import of_classes
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["ClassLogLoss"]

_NEAREST = 1e-15


class ClassLogLoss(RatioMetric):
    """Minus the mean log-likelihood of the class that it was, in nats; kept from infinity by 1e-15."""

    name = "log_loss"
    better = "lower"
    bounds = (0.0, -float(np.log(_NEAREST)))

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Minus the log-likelihood; one."""
        chance = np.take_along_axis(rows.scores, of_classes(rows).happened[:, None], axis=1)[:, 0]
        return -np.log(np.clip(chance, _NEAREST, 1.0)), np.ones(len(rows))
