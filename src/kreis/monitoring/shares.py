"""Whether a share is shown to exceed what was promised."""

from __future__ import annotations

import math

__all__ = ["chance_of_at_least"]


def chance_of_at_least(count: int, n: int, share: float) -> float:
    """The chance of `count` or more of `n` when each comes with probability `share`, exactly (binomial tail).

    Counts at or below the expected one give 1: they show nothing.
    """
    if count <= n * share:
        return 1.0
    if share <= 0:
        return 0.0
    log = (
        math.lgamma(n + 1)
        - math.lgamma(count + 1)
        - math.lgamma(n - count + 1)
        + count * math.log(share)
        + (n - count) * math.log1p(-share)
    )
    term = total = 1.0
    for k in range(count, n):
        term *= (n - k) / (k + 1) * share / (1 - share)
        total += term
        if term < 1e-12 * total:
            break
    return min(math.exp(log) * total, 1.0)
