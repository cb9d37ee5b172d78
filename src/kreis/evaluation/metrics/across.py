"""A rate's least over its greatest value among groups: the form that fairness metrics share.

Where two groups are nearly tied for least or greatest, the plug-in ratio errs to the low side, which is the
careful side for a guardrail of the form `at_least`.
"""

from __future__ import annotations

import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.metrics.metric import Floats, RatioMetric, Rows
from kreis.evaluation.metrics.ratio import ratio_influence, ratio_value

__all__ = ["least_over_most", "least_over_most_influence"]


def _rates(rate: RatioMetric, rows: Rows) -> dict[int, float]:
    if rows.groups is None:
        raise ProjectError("a metric across groups needs a column", hint='name it: Guardrail(..., by="origin")')
    numerator, denominator = rate.terms(rows)
    known = rows.groups >= 0
    above = np.bincount(rows.groups[known], weights=numerator[known])
    below = np.bincount(rows.groups[known], weights=denominator[known])
    return {int(code): float(above[code] / below[code]) for code in np.flatnonzero(below > 0)}


def least_over_most(rate: RatioMetric, rows: Rows) -> float:
    """The ratio; NaN unless at least two groups have the rate and one is above 0."""
    rates = _rates(rate, rows).values()
    return min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else float("nan")


def least_over_most_influence(rate: RatioMetric, rows: Rows) -> Floats:
    """First-order contribution of each row (delta method on the log of the ratio), shape (n,)."""
    rates = _rates(rate, rows)
    influence = np.zeros(len(rows))
    if len(rates) < 2 or min(rates.values()) <= 0:
        return influence
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    ratio = rates[least] / rates[most]
    numerator, denominator = rate.terms(rows)
    for code, sign in ((least, 1.0), (most, -1.0)):
        mask = rows.groups == code
        own = ratio_influence(numerator[mask], denominator[mask])
        influence[mask] += sign * ratio * own / ratio_value(numerator[mask], denominator[mask])
    return influence
