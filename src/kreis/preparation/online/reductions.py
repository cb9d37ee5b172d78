"""What a windowed view's features are made of: from totals to reductions, and from these to the features in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from kreis.expressions.rows import compile_row
from kreis.expressions.windows import WindowAggregate
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.suffixes import Moments
from kreis.preparation.online.tiles import Row
from kreis.preparation.point_in_time_plan import Combination

__all__ = ["Reducer", "pick_of", "reducer_of"]

_NAN = math.nan

Reducer: TypeAlias = Callable[[int, Mapping[int, Moments], Row | None], float]
"""From the number of rows, the totals by row expression and the newest row to a reduction's value."""


def reducer_of(reduction: WindowAggregate) -> Reducer:
    """What computes a reduction."""
    column = reduction.row
    if column is None:
        return lambda rows, totals, newest: float(rows)
    if reduction.operation == "last":
        return lambda rows, totals, newest: _NAN if newest is None else float(newest[2 + column])
    if reduction.operation == "mean":
        return lambda rows, totals, newest: _mean(totals[column])
    if reduction.operation == "count":
        return lambda rows, totals, newest: totals[column][0]
    if reduction.operation == "sum":
        return lambda rows, totals, newest: totals[column][1] + totals[column][5]
    if reduction.operation == "std":
        return lambda rows, totals, newest: _spread(totals[column])
    place = 2 if reduction.operation == "min" else 3
    return lambda rows, totals, newest: totals[column][place] if totals[column][0] else _NAN


def _mean(total: Moments) -> float:
    return (total[1] + total[5]) / total[0] if total[0] else _NAN


def _spread(total: Moments) -> float:
    return math.sqrt(total[4] / (total[0] - 1.0)) if total[0] > 1 else _NAN


def pick_of(layout: Layout) -> Callable[[Sequence[Sequence[float]]], list[float]]:
    """From the reductions per window to the features in order: feature by feature, window by window."""
    plan = layout.plan
    windows = range(len(plan.windows))
    simple = [place for place in plan.features.values() if isinstance(place, int)]
    if len(simple) == len(plan.features):
        places = [(window, place) for place in simple for window in windows]
        return lambda reduced: [reduced[window][place] for window, place in places]
    readers = [place if isinstance(place, int) else _combined(place) for place in plan.features.values()]
    return lambda reduced: [
        reduced[window][reader] if isinstance(reader, int) else reader(reduced[window])
        for reader in readers
        for window in windows
    ]


def _combined(combination: Combination) -> Callable[[Sequence[float]], float]:
    names = {str(index): place for index, place in enumerate(combination.reductions)}
    compute = compile_row({"": combination.expression}, dict.fromkeys(names, "number"))
    return lambda reductions: compute({name: reductions[place] for name, place in names.items()})[0]
