"""Intervals for small counts, where sums over days say too little: never narrower than these."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

__all__ = ["FEW", "area_interval", "ratio_interval", "share_interval", "share_limit", "share_needs"]

FEW = 50
"""With fewer rows of the rarer kind, counts bound an interval too, and what is fitted to the rows is noise."""


def share_interval(hits: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Of a share, `hits` of `n` (the score interval of Wilson 1927; Newcombe 1998, method 3)."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = hits / n
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max((centre - half) / (1 + z**2 / n), 0.0), min((centre + half) / (1 + z**2 / n), 1.0)


def share_limit(hits: int, n: int, *, level: float = 0.95) -> float:
    """What a share, `hits` of `n`, is at most (Clopper and Pearson 1934, one-sided): never too low, however few."""
    if hits >= n:
        return 1.0

    def beyond(share: float) -> bool:
        """Whether so few would come with a chance below 1 - level."""
        terms = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(hits + 1))
        logs = [term + k * math.log(share) + (n - k) * math.log1p(-share) for k, term in enumerate(terms)]
        return math.fsum(math.exp(each) for each in logs) < 1 - level

    return _bound(hits / n, 1.0, beyond)


def share_needs(limit: float, *, level: float = 0.95) -> int:
    """Of how many at least none must be a hit to show that the share is at most `limit`."""
    return math.ceil(math.log(1 - level) / math.log1p(-limit))


def area_interval(area: float, positives: int, negatives: int, *, level: float = 0.95) -> tuple[float, float]:
    """Of an area under the ROC curve (Newcombe 2006, part 2, method 5).

    The bounds are the areas from which the one found lies just as far as the level allows, by the variance of Hanley
    and McNeil 1982 at the bound itself: so they stay open where every pair is ordered rightly.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)

    def beyond(bound: float) -> bool:
        pairs, mean = positives * negatives, (positives + negatives) / 2 - 1
        spread = 1 + mean * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        return abs(bound - area) > z * math.sqrt(bound * (1 - bound) * spread / pairs)

    return _bound(area, 0.0, beyond), _bound(area, 1.0, beyond)


def ratio_interval(hits: float, n: float, others: float, m: float, *, level: float = 0.95) -> tuple[float, float]:
    """Of the share `hits` of `n` over the share `others` of `m` (MOVER-R: Donner and Zou 2012, from Wilson's)."""
    one, two = hits / n, others / m
    (low1, high1), (low2, high2) = share_interval(hits, n, level=level), share_interval(others, m, level=level)
    product, below, above = one * two, high2 * (2 * two - high2), low2 * (2 * two - low2)
    low = product - math.sqrt(max(product**2 - low1 * (2 * one - low1) * below, 0.0))
    high = product + math.sqrt(max(product**2 - high1 * (2 * one - high1) * above, 0.0))
    return low / below if abs(below) > 1e-12 else low1 / high2, high / above if above > 0 else math.inf


def _bound(inside: float, outside: float, beyond: Callable[[float], bool]) -> float:
    """Where it begins to be beyond, between a value inside and one outside; by halving."""
    for _ in range(40):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
    return inside
