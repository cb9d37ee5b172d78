"""How much less often the worst-off group gets something than all others do: the form that fairness metrics share.

Each group is compared with the rest of the rows. The least share over the greatest, of many groups, is far below 1 by
chance alone: 20 equal groups would never reach 0.8. A group's share over the rest's has no such bias.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.metrics.metric import (
    Metric,
    RatioMetric,
    Rows,
    ratio_influence,
    ratio_value,
)

__all__ = ["AcrossGroups", "ratio_to_the_rest"]


class AcrossGroups(Metric):
    """The least ratio of a group's rate to that of the rest of the rows."""

    rate: ClassVar[RatioMetric]
    better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The ratio; NaN unless two groups have the rate."""
        return min(self._ratios(rows).values(), default=float("nan"))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error of the least ratio, shape (n,)."""
        ratios = self._ratios(rows)
        if not ratios:
            return np.zeros(len(rows))
        hardest = min(ratios, key=ratios.__getitem__)
        groups = _groups(rows)
        return ratios[hardest] * ratio_to_the_rest(self.rate, rows, groups == hardest, groups >= 0)[1]

    def _ratios(self, rows: Rows) -> dict[int, float]:
        groups = _groups(rows)
        codes = np.unique(groups[groups >= 0])
        found = {int(code): ratio_to_the_rest(self.rate, rows, groups == code, groups >= 0)[0] for code in codes}
        return {code: ratio for code, ratio in found.items() if not np.isnan(ratio)}


def ratio_to_the_rest(rate: RatioMetric, rows: Rows, group: Booleans, known: Booleans) -> tuple[float, Floats]:
    """A group's rate over that of the other known rows, and each row's influence on its logarithm, shape (n,).

    NaN where one of the two has no rate or the rest's is 0; the influence is 0 where the ratio or its log is undefined.
    """
    numerator, denominator = rate.terms(rows)
    rest = known & ~group
    own, others = (ratio_value(numerator[mask], denominator[mask]) for mask in (group, rest))
    influence = np.zeros(len(rows))
    if np.isnan(own) or np.isnan(others) or others == 0:
        return float("nan"), influence
    if own > 0:
        influence[group] = ratio_influence(numerator[group], denominator[group]) / own
        influence[rest] = -ratio_influence(numerator[rest], denominator[rest]) / others
    return own / others, influence


def _groups(rows: Rows) -> Codes:
    if rows.groups is None:
        raise ProjectError("a metric across groups needs a column", hint='name it: Guardrail(..., by="origin")')
    return rows.groups
