"""Sums over windows as differences of running sums, without the loss that floats bring.

A difference of running float sums loses what the large total swallows. Here each value is cut into at most
three whole numbers ("limbs") of b bits, b = 62 - log2(rows) and at most 52; running sums of those are taken in
int64, which wraps around, and differences of wrapped sums are exact as long as the window's own sum fits (b is
chosen so that it does). Whole numbers below 2^b need one limb and are exact; other values are exact down to
2^-3b of the largest magnitude in the column (2^-126 for half a million rows). The result is rounded at most
three times, so it is within 3 units in the last place of the true sum of the parts kept.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kreis.preparation.point_in_time_timeline import Bools, Floats, Integers, Timeline

__all__ = ["WindowSums"]

_LIMBS = 3
_Places = npt.NDArray[np.intp]


class WindowSums:
    """Sums over the rows that one window sees at each question.

    A row counts from its start until it leaves the window at event time + window; a row that becomes known only
    after it left (`late`) is never seen. So the sum is that of the rows begun, less that of the rows left.
    """

    def __init__(self, timeline: Timeline, begun: _Places, left: _Places, window: int) -> None:
        self._order = timeline.start_order
        self._begun = begun
        self._left = left
        late = timeline.start - timeline.event >= window
        self._late: Bools | None = late if late.any() else None

    def rows(self) -> Integers:
        """How many rows each window sees, shape (n,)."""
        if self._late is None:
            return self._begun - self._left
        return self.integers(np.ones(self._late.size, dtype=np.int64))

    def integers(self, values: Integers) -> Integers:
        """Exact sums of whole numbers, given in the order of the timeline, shape (m,) -> (n,)."""
        if self._late is not None:
            values = np.where(self._late, 0, values)
        left = _running(values)
        begun = left if self._order is None else _running(values[self._order])
        return begun[self._begun] - left[self._left]

    def floats(self, values: Floats) -> Floats:
        """Sums of values, where a missing one (NaN) counts nothing, shape (m,) -> (n,)."""
        infinite = np.isinf(values)
        if not infinite.any():
            return self._finite(np.nan_to_num(values, nan=0.0))
        total = self._finite(np.where(np.isfinite(values), values, 0.0))
        upward = self.integers((values == np.inf).astype(np.int64)) > 0
        downward = self.integers((values == -np.inf).astype(np.int64)) > 0
        total[upward] = np.inf
        total[downward] = -np.inf
        total[upward & downward] = np.nan
        return total

    def _finite(self, values: Floats) -> Floats:
        bits, limbs = _cut(values)
        totals = [self.integers(limb) for limb, _ in limbs]
        for upper, lower in zip(range(len(totals) - 2, -1, -1), range(len(totals) - 1, 0, -1), strict=True):
            carry = totals[lower] >> bits
            totals[lower] -= carry << bits
            totals[upper] += carry
        result = np.zeros(self._begun.size)
        for total, (_, exponent) in zip(totals, limbs, strict=True):
            result += np.ldexp(total.astype(np.float64), exponent)
        return result


def _running(values: Integers) -> Integers:
    """Running sums with a leading zero, wrapping around; shape (m,) -> (m + 1,)."""
    sums = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _cut(values: Floats) -> tuple[int, list[tuple[Integers, int]]]:
    """Cut finite floats into limbs of `bits` bits: values = sum of limb * 2^exponent."""
    bits = min(52, 62 - math.ceil(math.log2(values.size + 1)))
    largest = float(np.abs(values).max()) if values.size else 0.0
    size = math.frexp(largest)[1]
    if size <= bits:
        whole = values.astype(np.int64)
        if np.array_equal(whole, values):
            return bits, [(whole, 0)]
    limbs = []
    rest, exponent = values, size
    for _ in range(_LIMBS):
        exponent -= bits
        limb = np.rint(np.ldexp(rest, -exponent))
        limbs.append((limb.astype(np.int64), exponent))
        rest = rest - np.ldexp(limb, exponent)
        if not rest.any():
            break
    return bits, limbs
