"""The goal's metric: what the decisions were worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kreis.tasks.decision_value import DecisionValue
from kreis.tasks.metrics.metric import Better, Floats, Rows
from kreis.tasks.metrics.ratio import ratio_influence, ratio_value

__all__ = ["BusinessValue"]


@dataclass(frozen=True)
class BusinessValue:
    """A `DecisionValue` as a metric, in its own unit ("EUR per 1,000 flights")."""

    decision_value: DecisionValue
    name = "value"
    better: Better = "higher"

    @property
    def bounds(self) -> tuple[float, float]:
        """The worst and the best case, always."""
        low, high = self.decision_value.bounds
        return low * self.decision_value.per, high * self.decision_value.per

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Each decision's value times `per`; one."""
        values = self.decision_value.values(rows.outcomes, rows.decisions)
        return values * self.decision_value.per, np.ones(len(rows))

    def value(self, rows: Rows) -> float:
        """The mean value of `per` decisions."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))
