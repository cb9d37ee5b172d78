"""Blocks of 1, 2, 4, … neighbouring rows, for what cannot be had from differences: last, min, max and std.

A block whose latest start is <= t is known as a whole and answers at once; one whose earliest start is > t is
passed over; only a block in between is opened. So the work per question is O(log m), plus the edge between
what was known and what was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats, Integers
from kreis.preparation.point_in_time_timeline import Timeline

__all__ = ["Blocks"]

_Places: TypeAlias = npt.NDArray[np.intp]
_Scalar = TypeVar("_Scalar", np.int64, np.float64, np.bool_)
_LEAST, _GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_AT_ONCE = 1 << 16
"""Questions per piece: bounds the memory of the blocks that cover them."""


class Blocks:
    """All levels of blocks over a timeline in one flat array; level k starts at `offsets[k]`, padded to even."""

    def __init__(self, timeline: Timeline) -> None:
        sizes = [len(timeline)]
        while sizes[-1] > 1:
            sizes.append((sizes[-1] + 1) // 2)
        self._offsets = np.cumsum([0, *(size + size % 2 for size in sizes)], dtype=np.int64)
        self._start = timeline.start

    @cached_property
    def _earliest(self) -> Integers:
        """Of each block, the earliest start."""
        return self._levels(self._start, np.minimum, _GREATEST)

    @cached_property
    def _latest(self) -> Integers:
        """Of each block, the latest start."""
        return self._levels(self._start, np.maximum, _LEAST)

    def last(self, low: _Places, high: _Places, times: Integers) -> Integers:
        """The greatest place in [low, high) whose start is <= t, or -1 where there is none; shape (n,)."""
        found = high.astype(np.int64) - 1
        found[low >= high] = -1
        active = np.flatnonzero(found >= 0)
        active = active[self._start[found[active]] > times[active]]
        found[active] = -1
        place, level = high.astype(np.int64), np.zeros(high.size, dtype=np.int64)
        while active.size:
            at, up = place[active], level[active]
            seen = self._earliest[self._offsets[up] + (at >> up) - 1] <= times[active]
            hit = seen & (up == 0)
            found[active[hit]] = at[hit] - 1
            passed = at - (np.int64(1) << up)
            level[active] = np.where(seen, up - 1, up + ((passed >> up) % 2 == 0))
            place[active] = np.where(seen, at, passed)
            active = active[~hit & (place[active] > low[active])]
        found[found < low] = -1
        return found

    def extreme(self, low: _Places, high: _Places, times: Integers, values: Floats, *, largest: bool) -> Floats:
        """The least (or largest) value of the rows in [low, high) that are visible at t; NaN where there is none."""
        function, nothing = (np.maximum, -np.inf) if largest else (np.minimum, np.inf)
        missing = np.isnan(values)
        best = self._levels(np.where(missing, nothing, values), function, nothing)
        some = self._levels(~missing, np.logical_or, False)
        result = np.full(high.size, np.nan)
        for piece, question, block in self._covers(low, high, times):
            keep = some[block]
            question, block = question[keep], block[keep]
            extreme, any_value = np.full(piece.stop - piece.start, nothing), np.zeros(piece.stop - piece.start, bool)
            function.at(extreme, question, best[block])
            any_value[question] = True
            result[piece] = np.where(any_value, extreme, np.nan)
        return result

    def deviation(self, low: _Places, high: _Places, times: Integers, values: Floats) -> Floats:
        """The standard deviation (n - 1) of the visible rows in [low, high); NaN below two values.

        Blocks hold count, mean and the sum of squared deviations, merged as in Chan, Golub and LeVeque (1983),
        eq. 2.1: no term is negative, so nothing cancels.
        """
        result = np.full(high.size, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            counts, means, squares = self._moments(values)
            for piece, question, block in self._covers(low, high, times):
                size = piece.stop - piece.start
                keep = counts[block] > 0
                question, block = question[keep], block[keep]
                count = np.bincount(question, counts[block], size)
                mean = np.bincount(question, counts[block] * means[block], size) / count
                apart = means[block] - mean[question]
                spread = np.bincount(question, squares[block] + counts[block] * apart * apart, size)
                result[piece] = np.where(count > 1, np.sqrt(spread / (count - 1)), np.nan)
        return result

    def _moments(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Count, mean and sum of squared deviations of every block."""
        missing = np.isnan(values)
        counts = self._levels((~missing).astype(np.float64), np.add, 0.0)
        means, squares = np.zeros_like(counts), np.zeros_like(counts)
        means[: values.size] = np.where(missing, 0.0, values)
        for left, right, into in self._halves():
            n, m = counts[left], counts[right]
            share = m / np.maximum(n + m, 1.0)
            apart = means[right] - means[left]
            means[into] = np.where(n == 0, means[right], np.where(m == 0, means[left], means[left] + apart * share))
            squares[into] = squares[left] + squares[right] + np.where((n > 0) & (m > 0), apart * apart * n * share, 0.0)
        return counts, means, squares

    def _levels(self, values: npt.NDArray[_Scalar], function: np.ufunc, neutral: float) -> npt.NDArray[_Scalar]:
        flat = np.full(int(self._offsets[-1]), neutral, dtype=values.dtype)
        flat[: values.size] = values
        for left, right, into in self._halves():
            flat[into] = function(flat[left], flat[right])
        return flat

    def _halves(self) -> Iterator[tuple[slice, slice, slice]]:
        """For each level above the rows: the left halves and right halves below it, and where it lies itself."""
        for low, high in zip(self._offsets[:-2].tolist(), self._offsets[1:-1].tolist(), strict=True):
            yield slice(low, high, 2), slice(low + 1, high, 2), slice(high, high + (high - low) // 2)

    def _covers(self, low: _Places, high: _Places, times: Integers) -> Iterator[tuple[slice, Integers, Integers]]:
        """For each piece of the questions: blocks that together hold exactly the rows seen.

        Yields the piece, the question of each block (counted from the piece's start) and the block's flat place.
        """
        for start in range(0, high.size, _AT_ONCE):
            piece = slice(start, min(start + _AT_ONCE, high.size))
            covers = list(self._cover(low[piece].astype(np.int64), high[piece].astype(np.int64), times[piece]))
            question, block = (np.concatenate(parts) for parts in zip(*covers, strict=True))
            yield piece, question, block

    def _cover(self, low: Integers, high: Integers, times: Integers) -> Iterator[tuple[Integers, Integers]]:
        asked = np.flatnonzero(low < high)
        yield asked[:0], asked[:0]
        level, low, high = 0, low[asked], high[asked]
        while asked.size:
            odd = (low & 1) == 1
            yield from self._known(asked[odd], level, low[odd], times)
            low = (low + 1) >> 1
            odd = (high & 1) == 1
            yield from self._known(asked[odd], level, high[odd] - 1, times)
            high = high >> 1
            level += 1
            keep = low < high
            asked, low, high = asked[keep], low[keep], high[keep]

    def _known(
        self, asked: Integers, level: int, blocks: Integers, times: Integers
    ) -> Iterator[tuple[Integers, Integers]]:
        """Of these blocks of one level: those known as a whole, and the known parts of the rest."""
        while asked.size:
            flat = self._offsets[level] + blocks
            whole = self._latest[flat] <= times[asked]
            yield asked[whole], flat[whole]
            opened = ~whole & (self._earliest[flat] <= times[asked])
            asked, blocks = np.repeat(asked[opened], 2), np.repeat(blocks[opened] * 2, 2)
            blocks[1::2] += 1
            level -= 1
