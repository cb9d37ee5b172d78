"""What a table says of its series: how far apart its moments are, how often a season comes, what is missing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.start.columns import Column
from kreis.start.series.times import Times
from kreis.texts import counted

__all__ = ["ALL", "Found", "found_of"]

ALL: Final = "all"
"""The name of the series where there is one."""
_MINUTE: Final = 60_000_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = {"w": 7 * _DAY, "d": _DAY, "h": _HOUR, "m": _MINUTE}
"""Microseconds."""
_FEWEST: Final = 40
"""Periods of the longest series; with fewer nothing is learned and judged."""
_SEASONS: Final = 3
"""So many seasons must have passed before one is proposed."""
_PROPOSED: Final = {
    "h": ((1, 6, 24), 24),
    "d": ((1, 7, 28), 7),
    "w": ((1, 4, 13), 52),
    "mo": ((1, 3, 12), 12),
    "q": ((1, 2, 4), 4),
    "y": ((1, 2, 3), None),
}
"""Horizons and season of each length of a period."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The series of a table."""

    times: Times
    key: str | None
    """The column that names a series; None: there is one."""
    count: int
    """How many series there are."""
    every: str
    """How long a period is."""
    horizons: list[int]
    season: int | None
    first: datetime
    last: datetime
    ends: datetime
    """The moment at which the last period is over."""
    gaps: int
    """Periods between the ends of a series that no row is of."""
    missing: int
    """Rows without a value."""
    undated: int
    """Rows without a moment."""
    latest: list[str]
    """Columns of numbers that are known of a period as the value is."""

    @property
    def test_days(self) -> int:
        """The last days that judge: a fifth of all."""
        return max(1, round((self.last - self.first).days / 5))


def found_of(
    frame: pl.DataFrame, columns: list[Column], times: Times, predict: str, *, key: str = "", where: str = ""
) -> Found:
    """Look at the series of a table.

    Args:
        frame: The table, typed.
        columns: What its columns hold.
        times: How the moment of a row is read.
        predict: The column with the values, numbers.
        key: The column that names a series; empty: there is one.
        where: Names the table in errors.

    Raises:
        ProjectError: two rows of a series have the same moment, periods are of no regular length, or there are too few.
    """
    name = pl.col(key).cast(pl.String) if key else pl.lit(ALL)
    whole = frame.with_columns(times.of(frame).alias(_TIME), name.alias(_KEY))
    rows = whole.filter(pl.col(_TIME).is_not_null(), pl.col(_KEY).is_not_null()).sort(_KEY, _TIME)
    _check_once(rows, columns, times, predict, key, where)
    every = _every(rows, times, where)
    ends = rows.group_by(_KEY).agg(first=pl.col(_TIME).min(), final=pl.col(_TIME).max())
    periods = pl.datetime_ranges("first", "final", interval=every, time_unit="us", time_zone="UTC")
    grid = ends.select(_KEY, periods.alias(_TIME)).explode(_TIME)
    off = rows.join(grid, on=[_KEY, _TIME], how="anti")
    if off.height:
        said = f"{counted(off.height, 'row does', 'rows do')} not begin a period of {every!r}, the most frequent step:"
        said += f" {off[_TIME][0]:%Y-%m-%d %H:%M}"
        hint = "sum the rows up to one for each period before, or name the column that tells series apart: --id COLUMN"
        raise ProjectError(said, where=where, hint=hint)
    longest: Any = grid.group_by(_KEY).len()["len"].max()
    if longest < _FEWEST:
        said = f"the longest series has {longest:,} periods of {every!r}, too few to learn from and to judge by"
        raise ProjectError(said, where=where, hint=f"a forecast needs {_FEWEST} or more")
    horizons, season = _proposed(every, longest)
    first, last = rows[_TIME].min(), rows[_TIME].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    used = {*times.columns, key, predict}
    return Found(
        times=times,
        key=key or None,
        count=ends.height,
        every=every,
        horizons=horizons,
        season=season,
        first=first,
        last=last,
        ends=pl.Series([last]).dt.offset_by(every)[0],
        gaps=grid.height - rows.height,
        missing=rows[predict].cast(pl.Float64).fill_nan(None).null_count(),
        undated=frame.height - rows.height,
        latest=[each.name for each in columns if each.name not in used and _is_amount(each)],
    )


_TIME, _KEY = "\x1ftime", "\x1fkey"


def _is_amount(column: Column) -> bool:
    return column.kind in ("integer", "number") and not column.unfit


def _check_once(rows: pl.DataFrame, columns: list[Column], times: Times, predict: str, key: str, where: str) -> None:
    """One row for each series and moment.

    Raises:
        ProjectError: there are more.
    """
    if not (again := int(rows.select(_KEY, _TIME).is_duplicated().sum())):
        return
    tells = [
        each.name
        for each in columns
        if each.name not in (*times.columns, predict, key) and each.kind in ("category", "integer")
        and each.distinct < rows.height / 2 and not rows.select(each.name, _KEY, _TIME).is_duplicated().any()
    ]  # fmt: skip
    said = f"{counted(again, 'row has', 'rows have')} the same moment as another" + (
        f" of the same {key!r}" if key else ""
    )
    hint = f"does {tells[0]!r} tell series apart? --id {tells[0]!r}" if tells and not key else ""
    hint = hint or "name the column that tells series apart (--id COLUMN), or sum them up to one row for each moment"
    raise ProjectError(said, where=where, hint=hint)


def _every(rows: pl.DataFrame, times: Times, where: str) -> str:
    """The most frequent step, as a length of a period.

    Raises:
        ProjectError: there is none of whole minutes.
    """
    steps = rows.select(pl.col(_TIME).diff().over(_KEY).dt.total_microseconds().alias("step"))["step"].drop_nulls()
    counts = steps.value_counts().sort("count", "step", descending=[True, False])
    if counts.is_empty() or (step := int(counts["step"][0])) % _MINUTE:
        said = f"{times.said}: the moments are not whole minutes apart"
        hint = "sum the rows up to one for each minute, hour or day before"
        raise ProjectError(said, where=where, hint=hint)
    calendar = _by_calendar(rows[_TIME], step)
    if calendar:
        return calendar
    unit = next(each for each, length in _UNITS.items() if step % length == 0)
    return f"{step // _UNITS[unit]}{unit}"


def _by_calendar(moments: pl.Series, step: int) -> str:
    """Months, quarters and years are not equally long: rows on the first of a month tell them."""
    days = step // _DAY
    if not ((moments.dt.day() == 1) & (moments.dt.hour() == 0) & (moments.dt.minute() == 0)).all():
        return ""
    lengths = {"1mo": range(28, 32), "1q": range(90, 93), "1y": range(365, 367)}
    return next((name for name, length in lengths.items() if days in length), "")


def _proposed(every: str, longest: int) -> tuple[list[int], int | None]:
    """Horizons and season."""
    unit = every.lstrip("0123456789")
    times = int(every.removesuffix(unit))
    horizons, season = _PROPOSED.get(unit, ((60, 360, 1_440), 1_440))
    if times == 1 and unit != "m":
        found: list[int] = list(horizons)
    elif unit in ("m", "h"):
        found = sorted({1, *(each // times for each in horizons if each >= times)})
        season = season // times if season is not None and season % times == 0 and season > times else None
    else:
        found, season = [1, 2, 4], None
    found = [each for each in found if each <= longest // 5] or [1]
    return found, season if season is not None and longest >= _SEASONS * season else None
