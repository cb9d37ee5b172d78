"""The point-in-time join: for every row to predict, the features as they could have been known at its time.

Exact for rows known late, corrections, duplicates and backfills: what a spine row at time t sees is decided by
each table row's own event time and known at (see `FeatureView`). Every spine row comes back once, in place.
The cost is a sort of each table and a binary search per spine row and window; views are worked through one by
one, so the memory needed is that of one view.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from kreis.arrays import Floats, Integers
from kreis.collection.sources import SUPERSEDED_AT
from kreis.errors import ProjectError
from kreis.expressions.to_polars import prepare, to_feature
from kreis.expressions.tree import Expression, columns
from kreis.preparation.point_in_time_blocks import Blocks
from kreis.preparation.point_in_time_corrections import by_epoch
from kreis.preparation.point_in_time_plan import Combination, plan_of
from kreis.preparation.point_in_time_timeline import Questions, Timeline
from kreis.preparation.point_in_time_windows import Windows, pick
from kreis.preparation.views import FeatureView, window_name

__all__ = ["column_of", "join", "row_values", "times_of"]

_NEVER = np.iinfo(np.int64).min
"""Stands for a time that is missing."""
_EVER = np.iinfo(np.int64).max


def join(spine: pl.DataFrame, views: Sequence[tuple[FeatureView, pl.DataFrame]], *, time: str) -> pl.DataFrame:
    """Add the features of `views` to a spine.

    Args:
        spine: the rows to predict, with a column for each view's entity and `time`.
        views: each view with its table (all that is known of it, also what became known later). A table may have the
            column `superseded_at`: a row is seen until then, and its correction from then on.
        time: the spine's column with the moment at which each row is predicted, a datetime with a time zone.

    Returns:
        The spine's columns, then one float64 column per feature; missing is NaN, sums and counts over nothing
        are 0. Rows as in the spine.

    Raises:
        ProjectError: a column is missing or of an unsuitable type, or two features share a name.
    """
    times = times_of(spine, time, where="spine")
    taken = set(spine.columns)
    spines: dict[str, tuple[_Keys, Questions]] = {}
    features: list[pl.Series] = []
    for view, table in views:
        if clash := taken.intersection(view.feature_names):
            raise ProjectError(f"the column {min(clash)!r} exists already", where=f"feature view {view.name!r}")
        taken.update(view.feature_names)
        if view.entity not in spines:
            keys = _Keys(spine, view.entity, where="spine")
            spines[view.entity] = (keys, Questions(np.where(times == _NEVER, -1, keys.spine), times))
        features.extend(_features(view, table, *spines[view.entity]))
    return spine.hstack(features)


def _features(view: FeatureView, table: pl.DataFrame, keys: _Keys, asked: Questions) -> list[pl.Series]:
    """The features of one view, in order, as columns of the spine."""
    where = f"table {view.table!r} of feature view {view.name!r}"
    codes = keys.codes(table, where=where)
    event, known = times_of(table, view.event_time, where=where), times_of(table, view.known_at, where=where)
    wanted = np.zeros(max(codes.max(initial=-1), asked.codes.max(initial=-1)) + 1, dtype=bool)
    wanted[asked.codes[asked.codes >= 0]] = True
    keep = np.flatnonzero((codes >= 0) & (event != _NEVER) & (known != _NEVER))
    keep = keep[wanted[codes[keep]]]
    if keep.size < codes.size:
        codes, event, known, table = codes[keep], event[keep], known[keep], table[keep]
    entities = wanted.size
    if SUPERSEDED_AT in table.columns and table[SUPERSEDED_AT].null_count() < table.height:
        superseded = times_of(table, SUPERSEDED_AT, where=where)
        superseded = np.where(superseded == _NEVER, _EVER, superseded)
        epochs = by_epoch(codes, event, known, superseded, asked, reach=_reach(view))
        codes, asked, entities, table = epochs.codes, epochs.asked, epochs.entities, table[epochs.rows]
        event, known = event[epochs.rows], known[epochs.rows]
    timeline = Timeline(codes, event, known, entities=entities)
    answer = _windowed if view.windows else _latest
    return [pl.Series(name, asked.scatter(values)) for name, values in answer(view, table, timeline, asked).items()]


def _reach(view: FeatureView) -> int | None:
    """How long after it happened a row can be seen, µs."""
    plan = plan_of(view)
    return max(plan.windows) if plan.windows else plan.ttl


def _latest(view: FeatureView, table: pl.DataFrame, timeline: Timeline, asked: Questions) -> dict[str, Floats]:
    """Each feature of the latest row, in the order of the questions."""
    plan = plan_of(view)
    low = timeline.first(asked) if plan.ttl is None else timeline.happened(asked, plan.ttl)
    places = Blocks(timeline).last(low, timeline.happened(asked), asked.times)
    rows = timeline.order[places] if len(timeline) else places
    values = [pick(column, rows, places) for column in row_values(table, plan.rows, where=f"table {view.table!r}")]
    return {
        name: values[place]
        for name, place in zip(view.feature_names, plan.features.values(), strict=True)
        if isinstance(place, int)
    }


def _windowed(view: FeatureView, table: pl.DataFrame, timeline: Timeline, asked: Questions) -> dict[str, Floats]:
    """Each feature over each window, in the order of the questions."""
    plan = plan_of(view)
    where = f"table {view.table!r} of feature view {view.name!r}"
    rows = [column[timeline.order] for column in row_values(table, plan.rows, where=where)]
    windows = Windows(timeline, asked, rows)
    found: dict[str, Floats] = {}
    for window, width in zip(view.windows, plan.windows, strict=True):
        answers = windows.reduce(plan.reductions, width)
        for feature, expression in plan.features.items():
            values = answers[expression] if isinstance(expression, int) else _combine(expression, answers, where)
            found[window_name(view.name, feature, window)] = values
    return {name: found[name] for name in view.feature_names}


def _combine(combination: Combination, answers: Sequence[Floats], where: str) -> Floats:
    """The value of an expression over reductions."""
    frame = pl.DataFrame({str(index): answers[place] for index, place in enumerate(combination.reductions)})
    return row_values(frame, [combination.expression], where=where)[0]


def row_values(table: pl.DataFrame, expressions: Sequence[Expression], *, where: str) -> list[Floats]:
    """Each expression's value on each row of a table, shape (m,) each, missing as NaN.

    Raises:
        ProjectError: the table lacks a column.
    """
    read = sorted(set().union(*(columns(each) for each in expressions)))
    for name in read:
        column_of(table, name, where=where)
    if not read:
        table = pl.DataFrame({"row": np.zeros(table.height)})
    frame = prepare(table.select(read or "row"))
    chosen = [to_feature(each).alias(str(place)) for place, each in enumerate(expressions)]
    frame = frame.select(*chosen, pl.first().alias("length"))
    return [frame[str(place)].to_numpy() for place in range(len(expressions))]


def times_of(frame: pl.DataFrame, name: str, *, where: str) -> Integers:
    """A column of moments as µs since 1970 UTC, `_NEVER` where missing."""
    column = column_of(frame, name, where=where)
    if not isinstance(column.dtype, pl.Datetime) or column.dtype.time_zone is None:
        raise ProjectError(
            f"the column {name!r} is {column.dtype}, not a moment with a time zone",
            where=where,
            hint=f'pl.col("{name}").dt.replace_time_zone("UTC") says that its times are UTC',
        )
    return column.dt.cast_time_unit("us").to_physical().fill_null(_NEVER).to_numpy()


class _Keys:
    """Turns an entity's keys into codes that agree between the spine and its tables; -1 where missing.

    Polars forgets a set of categories with the last series that uses it, so the spine's series is kept.
    """

    def __init__(self, spine: pl.DataFrame, name: str, *, where: str) -> None:
        self._name = name
        self._dtype = pl.Categorical(pl.Categories.random())
        self._kept = self._categorical(spine, where)
        self.spine = self._physical(self._kept)

    def codes(self, table: pl.DataFrame, *, where: str) -> Integers:
        return self._physical(self._categorical(table, where))

    def _categorical(self, frame: pl.DataFrame, where: str) -> pl.Series:
        column = column_of(frame, self._name, where=where)
        if not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
            message = f"the column {self._name!r} is {column.dtype}; an entity's key is a string"
            raise ProjectError(message, where=where, hint=f'cast it: pl.col("{self._name}").cast(pl.String)')
        return column.cast(pl.String).cast(self._dtype)

    def _physical(self, column: pl.Series) -> Integers:
        return column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def column_of(frame: pl.DataFrame, name: str, *, where: str) -> pl.Series:
    """A column by name.

    Raises:
        ProjectError: there is none of that name.
    """
    if name not in frame.columns:
        raise ProjectError.unknown_name("column", name, frame.columns, where=where)
    return frame[name]
