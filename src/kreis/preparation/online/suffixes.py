"""Running totals from the newest backwards: what a window that reaches up to now needs is one look-up.

A total of the last k items is summed directly, never as a difference, so no digits are lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

__all__ = ["EMPTY", "Moments", "Suffixes", "merge", "moments_of", "totals_of"]

Moments: TypeAlias = tuple[float, float, float, float, float]
"""Count of values, sum, min, max, sum of squared deviations from the mean."""

EMPTY: Moments = (0.0, 0.0, math.inf, -math.inf, 0.0)


class Suffixes:
    """Totals of one row expression over the last k items (rows, or tiles), k = 0, 1, …, n.

    Only what is asked for is kept: counts and sums always, `extremes` and `squares` on demand.
    """

    __slots__ = ("counts", "least", "most", "squares", "sums")

    def __init__(self, items: Sequence[Moments], *, extremes: bool, squares: bool) -> None:
        """`items` from the newest backwards."""
        counts, sums, least, most, _ = zip(*items, strict=True) if items else ((), (), (), (), ())
        self.counts = list(accumulate(counts, initial=0.0))
        self.sums = list(accumulate(sums, initial=0.0))
        self.least = list(accumulate(least, min, initial=math.inf)) if extremes else None
        self.most = list(accumulate(most, max, initial=-math.inf)) if extremes else None
        self.squares = [each[4] for each in accumulate(items, merge, initial=EMPTY)] if squares else None

    @classmethod
    def of_values(cls, values: list[float], *, extremes: bool, squares: bool) -> Suffixes:
        """Of single values, from the newest backwards; a missing one (NaN) counts nothing."""
        if extremes or squares or any(map(math.isnan, values)):
            items = [(1.0, value, value, value, 0.0) if value == value else EMPTY for value in values]
            return cls(items, extremes=extremes, squares=squares)
        plain = cls((), extremes=False, squares=False)
        plain.counts = list(map(float, range(len(values) + 1)))
        plain.sums = list(accumulate(values, initial=0.0))
        return plain

    def last(self, k: int) -> Moments:
        """The totals of the last k items; what is not kept stands at 0."""
        least, most, squares = self.least, self.most, self.squares
        return (
            self.counts[k],
            self.sums[k],
            0.0 if least is None else least[k],
            0.0 if most is None else most[k],
            0.0 if squares is None else squares[k],
        )


def merge(a: Moments, b: Moments) -> Moments:
    """The totals of both (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    n, m = a[0], b[0]
    if not m:
        return a
    if not n:
        return b
    apart = b[1] / m - a[1] / n
    return (
        n + m,
        a[1] + b[1],
        a[2] if a[2] < b[2] else b[2],
        a[3] if a[3] > b[3] else b[3],
        a[4] + b[4] + apart * apart * (n * m / (n + m)),
    )


def totals_of(values: list[float], everything: bool) -> Moments:
    """As `moments_of`; without `everything`, extremes and squares may stand at 0."""
    total = sum(values)
    if everything or total != total:
        return moments_of(values)
    return float(len(values)), total, 0.0, 0.0, 0.0


def moments_of(values: Iterable[float]) -> Moments:
    """The totals of some rows' values, of which the missing (NaN) count nothing."""
    present = [value for value in values if value == value]
    if not present:
        return EMPTY
    total = sum(present)
    mean = total / len(present)
    spread = sum((value - mean) ** 2 for value in present)
    return float(len(present)), total, min(present), max(present), spread
