"""When a row of a table is: one column, or several that give the moment together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time as clock_time

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.start.columns import Column
from kreis.start.written import as_python

__all__ = ["Times", "times_of"]

_PARTS = ("year", "month", "day", "hour", "minute")
_ENDS = {"year": (1000, 3000), "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59)}
_CALLED = {"yr": "year", "mo": "month", "mnth": "month", "hr": "hour", "min": "minute"}
_GIVEN = 0.99
"""Share of rows that must have a moment before a column is taken to be the time."""
_MOMENTS = 10
_A_MONTH = r"^\d{4}-\d{2}$"


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How the moment of a row is read."""

    columns: list[str]
    """What it is made of."""
    written: str
    """As the project has it, in Polars: a moment in UTC."""
    zoned: bool = False
    """Whether the moments had a time zone."""

    @property
    def said(self) -> str:
        """The columns, in words."""
        *others, last = self.columns
        return f"{', '.join(others)} and {last}" if others else last

    def of(self, frame: pl.DataFrame) -> pl.Series:
        """The moments of the rows, in UTC.

        Args:
            frame: The table, typed.

        Raises:
            ProjectError: the parts give no moment: 30 February.
        """
        first, *rest = (pl.col(each) for each in self.columns)
        rest = [each.cast(pl.Int64) for each in rest]
        dtype = frame.schema[self.columns[0]]
        if dtype.is_temporal():
            moment = first.cast(pl.Datetime("us"))
            zone = getattr(dtype, "time_zone", None)
            moment = moment.dt.replace_time_zone("UTC") if zone is None else first.dt.convert_time_zone("UTC")
            for each, minutes in zip(rest, (60, 1), strict=False):
                moment += pl.duration(minutes=each * minutes)
        elif dtype == pl.String() and not rest:
            moment = (first + "-01").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC")
        else:
            parts = [first.cast(pl.Int64), *rest, *[pl.lit(1)] * max(0, 2 - len(rest))]
            moment = pl.datetime(*parts, time_zone="UTC")
        try:
            return frame.select(moment.dt.cast_time_unit("us").alias("time"))["time"]
        except pl.exceptions.PolarsError as error:
            said = f"{self.said} give no moment in some rows: {str(error).splitlines()[0]}"
            hint = "correct these rows, or name a column: --time COLUMN"
            raise ProjectError(said, where="--time", hint=hint) from error


def times_of(frame: pl.DataFrame, columns: Sequence[Column], named: str, predict: str, where: str) -> Times:
    """When the rows are.

    Args:
        frame: The table, typed.
        columns: What its columns hold.
        named: The column that the person named; empty: it is looked for.
        predict: The column to be predicted.
        where: Names the table in errors.

    Raises:
        ProjectError: the named column holds no moments, or there is none.
    """
    if named:
        return _named(frame, named, where)
    usable = {each.name: each for each in columns if each.name != predict and each.given >= _GIVEN * each.rows}
    parts = _parts(frame, usable)
    dated = [
        name for name, each in usable.items() if each.kind in ("date", "moment") and each.distinct >= _MOMENTS
    ]  # fmt: skip
    if dated:
        after = [parts[each] for each in ("hour", "minute") if each in parts]
        return _of_column(frame, dated[0], after if _only_days(frame[dated[0]]) else [])
    if "year" in parts and "month" in parts:
        together = []
        for part in _PARTS:
            if part not in parts:
                break
            together.append(parts[part])
        return _of_parts(frame, together)
    months = [name for name in usable if _holds_months(frame[name])]
    if months:
        return _of_months(months[0])
    if "year" in parts and usable[parts["year"]].distinct >= _MOMENTS:
        return _of_parts(frame, [parts["year"]])
    hint = "name a column of dates or moments (--time COLUMN), or give columns year, month, day, hour"
    raise ProjectError("no column says when a row is, and a forecast needs times", where=where, hint=hint)


def _named(frame: pl.DataFrame, name: str, where: str) -> Times:
    values = frame[name]
    if values.dtype.is_temporal() and values.dtype != pl.Time() and not isinstance(values.dtype, pl.Duration):
        return _of_column(frame, name, [])
    if _holds_months(values):
        return _of_months(name)
    if values.dtype.is_integer() and _within(values.min(), values.max(), "year"):
        return _of_parts(frame, [name])
    hint = "dates are read as 2024-01-31, 31.01.2024, 2024-01 and the like, with or without a time of day"
    said = f"{name!r} holds no moments, but {values.drop_nulls().first()!r}"
    raise ProjectError(said, where=f"{where}, --time", hint=hint)


def _parts(frame: pl.DataFrame, usable: dict[str, Column]) -> dict[str, str]:
    """Columns that are called like parts of a moment, and hold what such parts may be; also as texts: "07"."""
    found: dict[str, str] = {}
    for name, each in usable.items():
        part = _CALLED.get(name.lower(), name.lower())
        if part not in _ENDS or part in found or each.kind not in ("integer", "category"):
            continue
        numbers = frame[name].cast(pl.Int64, strict=False)
        if numbers.null_count() == each.missing and _within(numbers.min(), numbers.max(), part):
            found[part] = name
    return found


def _within(low: object, high: object, part: str) -> bool:
    least, most = _ENDS[part]
    return isinstance(low, int | float) and isinstance(high, int | float) and least <= low <= high <= most


def _holds_months(values: pl.Series) -> bool:
    """Whether texts are months: 1949-01."""
    given = values.drop_nulls()
    return given.dtype == pl.String() and not given.is_empty() and bool(given.str.contains(_A_MONTH).all())


def _only_days(values: pl.Series) -> bool:
    return bool((values.cast(pl.Datetime("us")).dt.time() == clock_time()).all())


def _column(name: str) -> str:
    return f"pl.col({as_python(name)})"


def _part(frame: pl.DataFrame, name: str) -> str:
    """A part of a moment as a number."""
    return _column(name) + ("" if frame.schema[name].is_integer() else ".cast(pl.Int64)")


def _of_column(frame: pl.DataFrame, name: str, after: list[str]) -> Times:
    zoned = getattr(frame.schema[name], "time_zone", None) is not None
    zone = "dt.convert_time_zone" if zoned else 'cast(pl.Datetime("us")).dt.replace_time_zone'
    written = f'{_column(name)}.{zone}("UTC")'
    named = [f"{unit}={_part(frame, each)}" for unit, each in zip(("hours", "minutes"), after, strict=False)]
    passed = ", ".join(named)
    written = f"({written} + pl.duration({passed}))" if passed else written
    return Times(columns=[name, *after], written=written, zoned=zoned)


def _of_parts(frame: pl.DataFrame, names: list[str]) -> Times:
    parts = [_part(frame, each) for each in names] + ["1"] * max(0, 3 - len(names))
    return Times(columns=names, written=f'pl.datetime({", ".join(parts)}, time_zone="UTC")')


def _of_months(name: str) -> Times:
    written = f'({_column(name)} + "-01").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC")'
    return Times(columns=[name], written=written)
