"""Running totals from the newest backwards: what a window that reaches up to now needs is one look-up.

A sum is kept with what it lacks of the exact one (a pair of floats: 106 bits), so that whatever the order and the
grouping of the rows, it rounds to the same float as the sum in the training frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

__all__ = ["EMPTY", "Moments", "Suffixes", "less", "merge", "moments_of", "totals_of"]

Moments: TypeAlias = tuple[float, float, float, float, float, float]
"""Count of values, sum, min, max, sum of squared deviations from the mean, what the sum lacks of the exact one."""

EMPTY: Moments = (0.0, 0.0, math.inf, -math.inf, 0.0, 0.0)
_EXACT = 2.0**53
"""Sums of whole numbers are exact up to here."""


class Suffixes:
    """Totals of one row expression over the last k items (rows, or tiles), k = 0, 1, …, n.

    Only what is asked for is kept: counts and sums always, `extremes` and `squares` on demand.
    """

    __slots__ = ("counts", "lacks", "least", "most", "squares", "sums")

    def __init__(self, totals: Sequence[Sequence[float]], *, extremes: bool, squares: bool) -> None:
        """Of n items, from the newest backwards: the six numbers of `Moments`, each as a sequence of n."""
        counts, sums, least, most, _, lacks = totals
        self.counts = list(accumulate(counts, initial=0.0))
        self.sums, self.lacks = _running(sums, lacks)
        self.least = list(accumulate(least, min, initial=math.inf)) if extremes else None
        self.most = list(accumulate(most, max, initial=-math.inf)) if extremes else None
        items: Iterable[Any] = zip(*totals, strict=True) if squares else ()
        self.squares = [each[4] for each in accumulate(items, merge, initial=EMPTY)] if squares else None

    @classmethod
    def of_values(cls, values: Sequence[float], *, extremes: bool, squares: bool) -> Suffixes:
        """Of single values, from the newest backwards; a missing one (NaN) counts nothing."""
        if extremes or squares or any(map(math.isnan, values)):
            items = [(1.0, value, value, value, 0.0, 0.0) if value == value else EMPTY for value in values]
            return cls(list(zip(*items, strict=True)) or [()] * 6, extremes=extremes, squares=squares)
        plain = cls.__new__(cls)
        plain.counts = list(map(float, range(len(values) + 1)))
        plain.sums, plain.lacks = _running(values, ())
        plain.least = plain.most = plain.squares = None
        return plain

    def last(self, k: int) -> Moments:
        """The totals of the last k items; what is not kept stands at 0."""
        least, most, squares, lacks = self.least, self.most, self.squares, self.lacks
        if least is None and squares is None:
            return self.counts[k], self.sums[k], 0.0, 0.0, 0.0, 0.0 if lacks is None else lacks[k]
        return (
            self.counts[k],
            self.sums[k],
            0.0 if least is None else least[k],
            0.0 if most is None else most[k],
            0.0 if squares is None else squares[k],
            0.0 if lacks is None else lacks[k],
        )

    def sums_with(self, k: int, other: Suffixes, j: int) -> Moments:
        """Count and sum of the last k items and the last j of another, as `merge` gives them; the rest stands at 0."""
        lacks, of_other = self.lacks, other.lacks
        one, two = self.sums[k], other.sums[j]
        total = one + two
        part = total - one
        lost = (one - (total - part)) + (two - part)  # as in `_two_sum`
        lack = (0.0 if lacks is None else lacks[k]) + (0.0 if of_other is None else of_other[j])
        return self.counts[k] + other.counts[j], total, 0.0, 0.0, 0.0, lack + lost if lost == lost else lack


def _running(sums: Sequence[float], lacks: Sequence[float]) -> tuple[list[float], list[float] | None]:
    """Running sums, and what each lacks of the exact one; None where all of them are exact."""
    totals = list(accumulate(sums, initial=0.0))
    if not any(lacks) and all(map(float.is_integer, sums)) and max(totals) < _EXACT and min(totals) > -_EXACT:
        return totals, None
    before, lack, lacking = 0.0, 0.0, [0.0]
    for value, own, total in zip(sums, lacks or [0.0] * len(sums), totals[1:], strict=True):
        part = total - before
        lost = (before - (total - part)) + (value - part)  # as in `_two_sum`
        lack += own + (lost if lost == lost else 0.0)
        lacking.append(lack)
        before = total
    return totals, lacking


def _two_sum(a: float, b: float) -> tuple[float, float]:
    """The rounded sum and what it lacks of the exact one (Knuth 1997, section 4.2.2, theorem B)."""
    total = a + b
    part = total - a
    lost = (a - (total - part)) + (b - part)
    return total, lost if lost == lost else 0.0  # an infinity lacks nothing


def merge(a: Moments, b: Moments) -> Moments:
    """The totals of both (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    n, m = a[0], b[0]
    if not m:
        return a
    if not n:
        return b
    one, other = a[1], b[1]
    apart = other / m - one / n
    total = one + other
    part = total - one
    lost = (one - (total - part)) + (other - part)  # as in `_two_sum`
    return (
        n + m,
        total,
        a[2] if a[2] < b[2] else b[2],
        a[3] if a[3] > b[3] else b[3],
        a[4] + b[4] + apart * apart * (n * m / (n + m)),
        a[5] + b[5] + (lost if lost == lost else 0.0),
    )


def less(totals: Moments, values: Iterable[float]) -> Moments:
    """Count and sum without some of the values; extremes and squares stay as they are."""
    count, total, least, most, squares, lack = totals
    for value in values:
        total, lost = _two_sum(total, -value)
        lack += lost
        count -= 1.0
    return count, total, least, most, squares, lack


def totals_of(values: list[float], everything: bool) -> Moments:
    """As `moments_of`; without `everything`, extremes and squares may stand at 0."""
    if everything or any(map(math.isnan, values)):
        return moments_of(values)
    sums, lacks = _running(values, ())
    return float(len(values)), sums[-1], 0.0, 0.0, 0.0, 0.0 if lacks is None else lacks[-1]


def moments_of(values: Iterable[float]) -> Moments:
    """The totals of some rows' values, of which the missing (NaN) count nothing."""
    present = [value for value in values if value == value]
    if not present:
        return EMPTY
    sums, lacks = _running(present, ())
    mean = sums[-1] / len(present)
    spread = sum((value - mean) ** 2 for value in present)
    lack = 0.0 if lacks is None else lacks[-1]
    return float(len(present)), sums[-1], min(present), max(present), spread, lack
