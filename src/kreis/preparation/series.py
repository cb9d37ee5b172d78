"""Many series, each to be forecast at several horizons: a spine of (series, origin, horizon), and what was known then.

An *origin* is the moment at which a period is over and its value is usually known; a *horizon* of 2 asks for the second
period after the one that is just over. Both are columns of an ordinary spine, and what is known of a series is a table
with one row for each of its periods, seen by an ordinary feature view: so the join that keeps every other project from
seeing what it could not know keeps a forecast from it too. A row of that table sums up its last periods, and is known
when the last of their values is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import polars as pl

from kreis.durations import parse_duration
from kreis.errors import ProjectError
from kreis.texts import counted

__all__ = ["HORIZON", "ORIGIN", "PERIOD", "Series", "history_of", "questions_of"]

TableFunction = Callable[..., pl.LazyFrame]

FORECAST, ORIGIN, HORIZON, PERIOD, KNOWN_AT = "forecast", "origin", "horizon", "period", "outcome_known_at"
"""Columns of the spine."""
AHEAD: Final = "ahead"
"""The request view with the horizon and the calendar."""
_LONGEST: Final = {"m": 1, "h": 60, "d": 1_440, "w": 10_080, "mo": 44_640, "q": 132_480, "y": 527_040}
"""The most minutes of each unit."""
_CALENDAR: Final = {
    "m": ("hour", "weekday", "month"),
    "h": ("hour", "weekday", "month"),
    "d": ("weekday", "month"),
    "w": ("month",),
    "mo": ("month",),
    "q": ("month",),
    "y": (),
}
"""What of the calendar may matter to a period of each unit."""
_FALLBACK: Final = 4


@dataclass(frozen=True, kw_only=True)
class Series:
    """Series of one table, and how they are forecast. Its expressions are baselines: `Rule(series.last_value)`."""

    name: str
    """What is forecast: the outcome's name, and that of the feature view."""
    table: str
    """The table or source with one row for each series and period."""
    key: str
    """Column that names a series."""
    time: str
    """Column with the first moment of a period."""
    value: str
    """Column with its value."""
    known_at: str
    """Column with the moment from which the value was known."""
    every: str
    """How long a period is: "15m", "1h", "1d", "1w", "1mo", "1q", "1y"."""
    horizons: tuple[int, ...]
    season: int | None
    """After how many periods things repeat."""
    lags: int
    windows: tuple[int, ...]
    delay: str | None
    """How long after the end of a period its value is usually known: forecasts are asked for then."""

    def __post_init__(self) -> None:
        """Check what can be known without data.

        Raises:
            ProjectError: a period, a horizon, a season, a lag or a window is none.
        """
        where = f"series {self.name!r}"
        if not re.fullmatch(r"[1-9]\d*(m|h|d|w|mo|q|y)", self.every):
            hint = 'write "15m", "1h", "1d", "1w", "1mo", "1q" or "1y"'
            raise ProjectError(f"every={self.every!r} is no length of a period", where=where, hint=hint)
        numbers = {
            "horizons": self.horizons,
            "season": () if self.season is None else (self.season,),
            "lags": (self.lags,),
            "windows": self.windows,
        }
        for name, given in numbers.items():
            if any(not isinstance(each, int) or each < 1 for each in given) or len(set(given)) != len(given):
                hint = "count periods: horizons=[1, 2, 3, 4], season=4, lags=3, windows=[4, 8]"
                raise ProjectError(f"{name} are {list(given)}", where=where, hint=hint)
        if not self.horizons:
            raise ProjectError("horizons are empty", where=where, hint="horizons=[1] forecasts the next period")

    @property
    def columns(self) -> list[str]:
        """What is known of a series at a period, by name."""
        lags = [f"{kind}_{lag}" for lag in range(1, self.lags + 1) for kind in ("lag", "change")]
        windows = [f"{kind}_{window}" for window in self.windows for kind in ("mean", "spread")]
        return ["last", *lags, *windows, "trend", *(f"season_{horizon}" for horizon in self._seasonal)]

    @property
    def calendar(self) -> dict[str, pl.Expr]:
        """The features of the period that is asked about."""
        parts = {name: getattr(pl.col(PERIOD).dt, name)() for name in _CALENDAR[self._unit]}
        return {"horizon": pl.col(HORIZON), **parts}

    @property
    def last_value(self) -> pl.Expr:
        """The baseline that says: as it was last."""
        return pl.col(f"{self.name}__last")

    @property
    def drift_line(self) -> pl.Expr:
        """The baseline that says: on along the straight line through the longest window; as it was last where that is
        longer than the series.

        Source: Hyndman and Athanasopoulos 2021, "Forecasting: principles and practice", section 5.2 (drift method).
        """
        trend = pl.coalesce(pl.col(f"{self.name}__trend"), pl.lit(0.0))
        return self.last_value + trend * pl.col(f"{AHEAD}__horizon")

    @property
    def seasonal_naive(self) -> pl.Expr:
        """The baseline that says: as it was at the same place of the last season, or last where none has passed yet.

        Raises:
            ProjectError: no season is declared.
        """
        if self.season is None:
            raise ProjectError("no season is declared", where=f"series {self.name!r}", hint="season=4 for quarters")
        said = pl.col(f"{self.name}__season_{self.horizons[0]}")
        for horizon in self.horizons[1:]:
            then = pl.col(f"{self.name}__season_{horizon}")
            said = pl.when(pl.col(f"{AHEAD}__horizon") == horizon).then(then).otherwise(said)
        return pl.coalesce(said, self.last_value)

    @property
    def reach(self) -> int:
        """How many periods before its own a row of the history sums up."""
        seasons = (self._before(horizon) for horizon in self._seasonal)
        return max(self.lags, self.span, *(window - 1 for window in self.windows), *seasons)

    @property
    def span(self) -> int:
        """Over how many periods the trend is taken."""
        return max(self.windows, default=_FALLBACK)

    @property
    def ttl(self) -> str:
        """How old the latest known row may be."""
        return self._at_most(max(self.season or 0, self.lags, _FALLBACK) + 1)

    @property
    def outcome_within(self) -> str:
        """How long after its origin the last forecast is judged, where values come no later than `delay` says."""
        return self._at_most(max(self.horizons))

    def later(self, periods: int) -> str:
        """Some periods, as Polars adds them to a moment."""
        return f"{periods * int(self.every.removesuffix(self._unit))}{self._unit}"

    def _at_most(self, periods: int) -> str:
        """The longest that some periods and the delay can be, as a duration."""
        count = periods * int(self.every.removesuffix(self._unit))
        minutes = count * _LONGEST[self._unit] + (self.waits // timedelta(minutes=1))
        return f"{minutes // 1_440}d" if minutes % 1_440 == 0 else f"{minutes}m"

    @property
    def waits(self) -> timedelta:
        """`delay` as a duration."""
        return timedelta() if self.delay is None else parse_duration(self.delay)

    @property
    def _seasonal(self) -> tuple[int, ...]:
        return () if self.season is None else self.horizons

    def _before(self, horizon: int) -> int:
        """How many periods before the last one the same place of the season is, for a horizon."""
        season = self.season or 1
        return -horizon % season

    @property
    def _unit(self) -> str:
        return self.every.lstrip("0123456789")

    def features(self) -> dict[str, pl.Expr]:
        """Each column of the history, over the rows of one series, period by period."""
        value = pl.col(self.value)
        made = {"last": value}
        for lag in range(1, self.lags + 1):
            made |= {f"lag_{lag}": value.shift(lag), f"change_{lag}": value - value.shift(lag)}
        for window in self.windows:
            least = max(2, window // 2)
            made[f"mean_{window}"] = value.rolling_mean(window, min_samples=min(least, window))
            made[f"spread_{window}"] = value.rolling_std(max(window, 2), min_samples=least)
        made["trend"] = (value - value.shift(self.span)) / self.span
        return made | {f"season_{horizon}": value.shift(self._before(horizon)) for horizon in self._seasonal}


def history_of(series: Series) -> TableFunction:
    """A table with one row for each period of a series whose value is known: what was known then of it."""

    def history(**frames: pl.LazyFrame) -> pl.LazyFrame:
        rows = _rows(series, frames[series.table])
        grid = _without_gaps(series, rows)
        moment = pl.col(series.known_at).dt.epoch("us")
        known = moment.rolling_max(series.reach + 1, min_samples=1).cast(pl.Datetime("us", "UTC"))
        made = {**series.features(), series.known_at: known}
        seen = grid.with_columns(**{name: each.over(series.key) for name, each in made.items()})
        seen = seen.filter(pl.col("last").is_not_null())
        return seen.select(series.key, series.time, series.known_at, *series.columns).lazy()

    return history


def questions_of(series: Series) -> TableFunction:
    """The spine: for each period that is over, and each horizon, what its value was as far as it is known."""

    def questions(**frames: pl.LazyFrame) -> pl.LazyFrame:
        rows = _rows(series, frames[series.table])
        came = rows.filter(pl.col(series.value).is_not_null()).select(
            series.key,
            pl.col(series.time).alias(PERIOD),
            pl.col(series.value).alias(series.name),
            pl.col(series.known_at).alias(KNOWN_AT),
        )
        over = pl.col(series.time).dt.offset_by(series.later(1)) + series.waits
        asked = rows.select(series.key, series.time, over.alias(ORIGIN))
        ahead = pl.concat(
            asked.with_columns(
                pl.col(series.time).dt.offset_by(series.later(horizon)).alias(PERIOD),
                pl.lit(horizon, dtype=pl.Int64).alias(HORIZON),
            )
            for horizon in sorted(series.horizons)
        )
        name = pl.concat_str(
            series.key, pl.col(ORIGIN).dt.strftime("%Y-%m-%dT%H:%M"), pl.format("+{}", HORIZON), separator=" "
        )
        return (
            ahead.drop(series.time)
            .join(came, on=[series.key, PERIOD], how="left")
            .with_columns(name.alias(FORECAST))
            .lazy()
        )

    return questions


def _rows(series: Series, frame: pl.LazyFrame) -> pl.DataFrame:
    """One row for each series and period, in order.

    Raises:
        ProjectError: a column is missing, a moment is none in UTC, or a series has two values for one period.
    """
    where = f"series {series.name!r}"
    schema = frame.collect_schema()
    for name in (series.key, series.time, series.value, series.known_at):
        if name not in schema:
            raise ProjectError.unknown_name("column", name, schema.names(), where=f"{where}, table {series.table!r}")
    for name in (series.time, series.known_at):
        if not isinstance(schema[name], pl.Datetime) or getattr(schema[name], "time_zone", None) != "UTC":
            hint = f'convert it in {series.table!r}: .cast(pl.Datetime("us")).dt.replace_time_zone("UTC")'
            raise ProjectError(f"column {name!r} is {schema[name]}, not a moment in UTC", where=where, hint=hint)
    whole = frame.filter(pl.col(series.key).is_not_null(), pl.col(series.time).is_not_null())
    rows = whole.select(
        pl.col(series.key).cast(pl.String),
        pl.col(series.time).dt.cast_time_unit("us"),
        pl.col(series.value).cast(pl.Float64).fill_nan(None),
        pl.col(series.known_at).dt.cast_time_unit("us"),
    ).collect()
    repeated = rows.filter(rows.select(series.key, series.time).is_duplicated())
    if repeated.height:
        first: Mapping[str, Any] = repeated.row(0, named=True)
        said = f"{counted(repeated.height, 'row is', 'rows are')} of a series and period that another row has too:"
        said += f" {first[series.key]!r}, {first[series.time]:%Y-%m-%d %H:%M}"
        raise ProjectError(said, where=where, hint=f"sum them up in {series.table!r}, one row for each")
    return rows.sort(series.key, series.time)


def _without_gaps(series: Series, rows: pl.DataFrame) -> pl.DataFrame:
    """Every period of each series from its first to its last, so that a lag is a number of periods.

    Raises:
        ProjectError: a row's time is not the beginning of a period.
    """
    ends = rows.group_by(series.key).agg(first=pl.col(series.time).min(), final=pl.col(series.time).max())
    periods = pl.datetime_ranges("first", "final", interval=series.every, time_unit="us", time_zone="UTC")
    grid = ends.select(series.key, periods.alias(series.time)).explode(series.time)
    off = rows.join(grid, on=[series.key, series.time], how="anti")
    if off.height:
        first: Mapping[str, Any] = off.row(0, named=True)
        said = (
            f"{counted(off.height, 'row does', 'rows do')} not begin a period of {series.every!r},"
            " counted from their series' first:"
        )
        said += f" {first[series.key]!r}, {first[series.time]:%Y-%m-%d %H:%M}"
        hint = f'bring them there in {series.table!r}: pl.col("{series.time}").dt.truncate("{series.every}")'
        raise ProjectError(said, where=f"series {series.name!r}", hint=hint)
    return grid.join(rows, on=[series.key, series.time], how="left").sort(series.key, series.time)
