"""Value and influence of a ratio of two sums."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Floats

__all__ = ["ratio_influence", "ratio_value"]


def ratio_value(numerator: Floats, denominator: Floats) -> float:
    """Sum over sum; NaN where the denominator is 0."""
    below = float(denominator.sum())
    return float(numerator.sum()) / below if below > 0 else float("nan")


def ratio_influence(numerator: Floats, denominator: Floats) -> Floats:
    """What each row contributes to the ratio's error (linearisation; Cochran 1977, section 6.3)."""
    below = float(denominator.sum())
    if below <= 0:
        return np.zeros(len(numerator))
    influence: Floats = (numerator - numerator.sum() / below * denominator) / below
    return influence
