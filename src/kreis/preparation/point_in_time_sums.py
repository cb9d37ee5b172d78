"""Sums over windows as differences of running sums, without the loss that floats bring.

A difference of running float sums loses what the large total swallows. Here each value is cut into at most
three whole numbers ("limbs") of b bits, b = 62 - log2(rows) and at most 52; running sums of those are taken in
int64, which wraps around, and differences of wrapped sums are exact as long as the window's own sum fits (b is
chosen so that it does). Whole numbers below 2^b need one limb and are exact; other values are exact down to
2^-3b of the largest magnitude in the column (2^-126 for half a million rows). The parts of a sum are added from the
smallest up, so the result is the float next to the exact sum of the parts kept; the online store's sums are the same.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats, Integers
from kreis.preparation.point_in_time_timeline import Timeline

__all__ = ["Limbs", "WindowSums"]

_LIMBS = 3
_EXACT = 2**53
"""Whole numbers below are exact as floats."""
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
        self._late: Booleans | None = late if late.any() else None

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

    def floats(self, values: Limbs) -> Floats:
        """Sums of values, where a missing one counts nothing, shape (m,) -> (n,)."""
        totals = [self.integers(limb) for limb, _ in values.limbs]
        for lower in range(len(totals) - 1, 0, -1):
            carry = totals[lower] >> values.bits
            totals[lower] -= carry << values.bits
            totals[lower - 1] += carry
        result = np.zeros(self._begun.size)
        for total, (_, exponent) in zip(reversed(totals[1:]), reversed(values.limbs[1:]), strict=True):
            result += np.ldexp(total.astype(np.float64), exponent)
        first, exponent = totals[0], values.limbs[0][1]
        high = first.astype(np.float64)
        if len(totals) > 1 and first.size and max(first.max(), -first.min()) >= _EXACT:
            result += np.ldexp((first - high.astype(np.int64)).astype(np.float64), exponent)
        result += np.ldexp(high, exponent)
        if values.infinite is not None:
            upward = self.integers((values.infinite > 0).astype(np.int64)) > 0
            downward = self.integers((values.infinite < 0).astype(np.int64)) > 0
            result[upward] = np.inf
            result[downward] = -np.inf
            result[upward & downward] = np.nan
        return result


def _running(values: Integers) -> Integers:
    """Running sums with a leading zero, wrapping around; shape (m,) -> (m + 1,)."""
    sums = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


class Limbs:
    """Values, shape (m,), cut into whole numbers of at most `bits` bits: the sum of limb * 2^exponent."""

    def __init__(self, values: Floats) -> None:
        self.bits = min(52, 62 - math.ceil(math.log2(values.size + 1)))
        self.missing: Booleans = np.isnan(values)
        self.infinite: npt.NDArray[np.int8] | None = None
        if not np.isfinite(values).all():
            if np.isinf(values).any():
                self.infinite = np.isposinf(values).astype(np.int8) - np.isneginf(values).astype(np.int8)
            values = np.where(np.isfinite(values), values, 0.0)
        self.limbs: list[tuple[Integers, int]] = []
        size = math.frexp(max(float(values.max()), -float(values.min())))[1] if values.size else 0
        if size <= self.bits:
            whole = values.astype(np.int64)
            if np.array_equal(whole, values):
                self.limbs.append((whole, 0))
                return
        exponent = size
        for _ in range(_LIMBS):
            exponent -= self.bits
            limb = np.rint(np.ldexp(values, -exponent))
            self.limbs.append((limb.astype(np.int64), exponent))
            values = values - np.ldexp(limb, exponent)
            if not values.any():
                break
