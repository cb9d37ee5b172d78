"""Mean squared error of the probabilities."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Better, Floats, Rows
from kreis.tasks.metrics.ratio import ratio_influence, ratio_value

__all__ = ["Brier"]


class Brier:
    """Brier 1950, for two classes in its half form: the mean of (score - outcome) squared."""

    name = "brier"
    better: Better = "lower"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Squared error; one."""
        return (rows.scores - rows.outcomes) ** 2, np.ones(len(rows))

    def value(self, rows: Rows) -> float:
        """The mean squared error."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))
