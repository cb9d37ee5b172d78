"""Quantiles of Student's t without SciPy, so that evaluation stays light to import."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["student_t_quantile"]


def student_t_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t (Hill 1970, algorithm 396 of the ACM; better than 1e-4 from 1 degree on).

    Raises:
        ValueError: the probability is not within (0, 1), or there is less than 1 degree of freedom.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"no quantile at probability {probability} with {freedom} degrees of freedom")
    if probability == 0.5:
        return 0.0
    tails = 2 * min(probability, 1 - probability)
    return math.copysign(_two_sided(tails, freedom), probability - 0.5)


def _two_sided(tails: float, n: float) -> float:
    if n == 1:
        return 1 / math.tan(tails * math.pi / 2)
    if n == 2:
        return math.sqrt(2 / (tails * (2 - tails)) - 2)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * tails) ** (2 / n)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(tails / 2)
        y = x * x
        if n < 5:
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (
            n + 2
        ) + 1 / y
    return math.sqrt(n * y)
