"""Aggregations over the windows of a view: sums from differences, the rest from blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kreis.arrays import Floats
from kreis.expressions.windows import WindowAggregate
from kreis.preparation.point_in_time_blocks import Blocks
from kreis.preparation.point_in_time_sums import Limbs, WindowSums
from kreis.preparation.point_in_time_timeline import Questions, Timeline

__all__ = ["Windows", "pick"]


class Windows:
    """Answers a view's reductions, window by window; `rows` holds each row expression in the timeline's order."""

    def __init__(self, timeline: Timeline, asked: Questions, rows: Sequence[Floats]) -> None:
        self._timeline = timeline
        self._asked = asked
        self._rows = rows
        self._visible = timeline.visible(asked)
        self._limbs: dict[int, Limbs] = {}
        self._blocks: Blocks | None = None
        self._happened = self._visible

    def reduce(self, reductions: Sequence[WindowAggregate], width: int) -> list[Floats]:
        """Each reduction over the window (t - width, t], shape (n,) each, in the order of the questions."""
        left = self._timeline.happened(self._asked, width)
        sums = WindowSums(self._timeline, self._visible, left, width)
        return [self._reduce(each, sums, left) for each in reductions]

    def _reduce(self, reduction: WindowAggregate, sums: WindowSums, low: Any) -> Floats:
        if reduction.row is None:
            return sums.rows().astype(np.float64)
        values = self._rows[reduction.row]
        if reduction.operation in ("sum", "mean", "count"):
            if reduction.row not in self._limbs:
                self._limbs[reduction.row] = Limbs(values)
            return _from_sums(reduction.operation, sums, self._limbs[reduction.row])
        if self._blocks is None:
            self._blocks = Blocks(self._timeline)
            self._happened = self._timeline.happened(self._asked)
        high, times = self._happened, self._asked.times
        if reduction.operation == "last":
            places = self._blocks.last(low, high, times)
            return pick(values, places, places)
        if reduction.operation == "std":
            return self._blocks.deviation(low, high, times, values)
        return self._blocks.extreme(low, high, times, values, largest=reduction.operation == "max")


def _from_sums(operation: str, sums: WindowSums, values: Limbs) -> Floats:
    count = sums.integers((~values.missing).astype(np.int64)) if values.missing.any() else sums.rows()
    if operation == "count":
        return count.astype(np.float64)
    total = sums.floats(values)
    if operation == "sum":
        return total
    mean = np.full(total.size, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def pick(column: Floats, rows: Any, places: Any) -> Floats:
    """The values at `rows`, NaN where the place is -1; shape (n,)."""
    if not column.size:
        return np.full(places.size, np.nan)
    picked: Floats = column[rows]
    picked[places < 0] = np.nan
    return picked
