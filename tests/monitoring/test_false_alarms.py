"""False alarms a year and days until a fall is seen, simulated, beside the stated rates (`make simulate`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from kreis.clock import microseconds
from kreis.evaluation.intervals import as_blocks, mean_estimate
from kreis.monitoring.monitor import Watched
from kreis.monitoring.monitors.business_metric import BusinessMetric
from kreis.monitoring.monitors.drift import Drift
from kreis.monitoring.observe import DayOfTraffic, day_of_traffic
from kreis.monitoring.testing import in_service, watch
from kreis.training.reference import histogram

pytestmark = pytest.mark.simulation

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
YEAR = 365
NAMES = tuple(f"f{number}" for number in range(10))
ONE_A_YEAR = 1 - np.exp(-1)
"""The share of years with an alarm or more, where one comes a year on average."""
WEATHER = Path(__file__).parents[3] / "shared" / "data" / "beijing_pm25" / "pollution.csv.gz"


def autoregressive(rng: np.random.Generator, correlation: float, days: int, columns: int = 1) -> np.ndarray:
    steps = rng.normal(size=(days, columns)) * np.sqrt(1 - correlation**2)
    steps[0] = rng.normal(size=columns)
    for day in range(1, days):
        steps[day] += correlation * steps[day - 1]
    return steps


def days_from(values: np.ndarray, first: int) -> Iterator[DayOfTraffic]:
    """Days of traffic of feature values, shape (days, rows, features)."""
    for number in range(first, len(values)):
        rows = values.shape[1]
        yield day_of_traffic(
            (BEGIN + timedelta(days=number)).date(),
            now=BEGIN + timedelta(days=9_999),
            feature_names=NAMES[: values.shape[2]],
            features=values[number],
            scores=np.zeros(rows),
            decisions=np.zeros(rows, dtype=bool),
            outcomes=np.full(rows, np.nan),
            latency_us=np.zeros(rows),
            horizon=timedelta(),
        )


def trained_on(values: np.ndarray) -> Watched:
    """A model in service whose training data were these days."""
    days, rows, columns = values.shape
    times = np.repeat(microseconds(BEGIN) + np.arange(days) * 86_400_000_000, rows)
    flat = values.reshape(-1, columns).astype(np.float32)
    reference = {name: histogram(flat[:, place], times=times) for place, name in enumerate(NAMES[:columns])}
    return msgspec.structs.replace(in_service(), reference=reference)


def told(values: np.ndarray, training_days: int) -> list[str]:
    findings = watch(Drift(), list(days_from(values, training_days)), watched=trained_on(values[:training_days]))[1]
    return [each.summary for each in findings if not each.over]


@pytest.mark.parametrize(
    ("correlation", "deviation", "season", "training"),
    [
        (0.0, 0.5, 0.0, YEAR),
        (0.5, 0.7, 0.0, 120),
        (0.8, 1.5, 0.0, YEAR),
        (0.8, 0.7, 1.5, YEAR),
        (0.8, 0.7, 1.5, 2 * YEAR),
    ],
)
def test_drift_of_unchanged_weather(
    simulations: Any, correlation: float, deviation: float, season: float, training: int
) -> None:
    """Ten features whose days hang together, with and without a yearly wave, 60 rows a day."""
    runs, hits, alerts = simulations.runs(5), 0, 0
    for seed in range(runs):
        rng = np.random.default_rng([int(correlation * 10), training, seed])
        days = training + YEAR
        level = deviation * autoregressive(rng, correlation, days, len(NAMES))
        level += season * np.sin(2 * np.pi * np.arange(days) / 365.25)[:, None]
        found = told(level[:, None, :] + rng.normal(size=(days, 60, len(NAMES))), training)
        hits, alerts = hits + (len(found) > 0), alerts + len(found)
    what = f"drift, lag-1 {correlation}, season {season}, {training} days of training: years with a false alert"
    simulations.at_most(f"{what} ({alerts / runs:.1f} alerts a year)", hits, runs, ONE_A_YEAR)


@pytest.mark.parametrize("rows", [1, 5])
def test_drift_of_few_rows(simulations: Any, rows: int) -> None:
    runs = simulations.runs(5)
    hits = sum(
        len(told(np.random.default_rng([rows, seed]).normal(size=(2 * YEAR, rows, 10)), YEAR)) > 0
        for seed in range(runs)
    )
    simulations.at_most(f"drift, {rows} rows a day: years with a false alert", hits, runs, ONE_A_YEAR)


def test_drift_of_a_shift_is_seen(simulations: Any) -> None:
    """Two standard deviations in weather with a lag-1 correlation of .5, within a month."""
    runs, hits = simulations.runs(10), 0
    for seed in range(runs):
        rng = np.random.default_rng([17, seed])
        values = 0.7 * autoregressive(rng, 0.5, YEAR + 60)[:, None, :] + rng.normal(size=(YEAR + 60, 60, 1))
        values[YEAR + 30 :] += 2 * np.sqrt(1 + 0.7**2)
        hits += len(told(values, YEAR)) > 0
    simulations.at_least("drift, two standard deviations: seen within 30 days", hits, runs, 0.9)


@pytest.mark.skipif(not WEATHER.exists(), reason="the measured weather is not on this machine")
def test_drift_of_measured_weather(simulations: Any) -> None:
    """Four numbers of Beijing's weather, hour by hour: trained on two years, watched for two; years do differ."""
    import polars as pl

    frame = pl.read_csv(WEATHER, null_values="NA", infer_schema_length=None).select(
        pl.col("DEWP", "TEMP", "PRES", "Iws").cast(pl.Float64)
    )
    values = frame.to_numpy()[: len(frame) // 24 * 24].reshape(-1, 24, 4)[: 4 * YEAR]
    found = told(values, 2 * YEAR)
    print(f"SIMULATED drift of measured weather (Beijing): {len(found) / 2:.1f} alerts a year (once is stated)")  # noqa: T201
    assert len(found) <= 5, found


def worth(rng: np.random.Generator, correlation: float, season: float, days: int) -> tuple[np.ndarray, np.ndarray]:
    """What a model and its baseline earn each day of a world that both share."""
    number = np.arange(days) + rng.integers(0, 365)
    much = np.exp(
        season * np.sin(2 * np.pi * number / 365.25) + 0.5 * autoregressive(rng, correlation, days)[:, 0] - 0.125
    )
    shared = rng.normal(size=days) * 600
    return 5_000 * much + shared + rng.normal(size=days) * 400, 3_000 * much + shared


def alarm_after(rng: np.random.Generator, correlation: float, season: float, *, falls: float, days: int) -> int | None:
    """The day of the alarm, of a model whose value falls by a share when it is released."""
    known = 30
    own, other = worth(rng, correlation, season, known + days)
    blocks = as_blocks(np.arange(known))
    advantage = own - other
    watched = msgspec.structs.replace(
        in_service(),
        value=mean_estimate(own[:known], blocks),
        baseline="rule",
        advantage=mean_estimate(advantage[:known], blocks),
        daily_advantage=[(float(each), 800) for each in advantage[:known]],
    )
    seen = advantage[known:] - falls * own[known:]
    state = None
    for number, each in enumerate(seen, 1):
        day = _day_worth(date(2024, 1, 1) + timedelta(days=number), float(each), watched)
        state, findings = BusinessMetric().observe(day, state, watched)
        if any(not finding.over for finding in findings):
            return number
    return None


def _day_worth(day: date, difference: float, watched: Watched) -> DayOfTraffic:
    """A day of 100 rows on which the model earned so much more than the baseline (in the metric's unit)."""
    metric = watched.goal.metric
    high = metric.values(np.ones(1), np.ones(1, bool))[0]
    outcomes, decisions, baseline = np.ones(100), np.zeros(100, bool), np.zeros(100)
    count = round(abs(difference) / metric.per * 100 / high)
    (decisions if difference > 0 else baseline)[: min(count, 100)] = 1
    made = day_of_traffic(
        day,
        now=datetime(2030, 1, 1, tzinfo=UTC),
        feature_names=(),
        features=np.zeros((100, 0)),
        scores=np.zeros(100),
        decisions=decisions,
        outcomes=outcomes,
        latency_us=np.zeros(100),
        horizon=timedelta(),
    )
    return dataclasses.replace(made, baseline=baseline)


WORLDS = [(0.0, 0.0), (0.8, 0.0), (0.8, 0.4)]


@pytest.mark.parametrize(("correlation", "season"), WORLDS)
def test_business_metric_of_an_unchanged_model(simulations: Any, correlation: float, season: float) -> None:
    runs = simulations.runs(20)
    hits = sum(
        alarm_after(np.random.default_rng([seed, 1]), correlation, season, falls=0.0, days=YEAR) is not None
        for seed in range(runs)
    )
    what = f"business metric, lag-1 {correlation}, season {season}: unchanged years with an alarm"
    simulations.at_most(what, hits, runs, ONE_A_YEAR)


@pytest.mark.parametrize(("correlation", "season"), WORLDS)
def test_business_metric_of_a_fall_by_half(simulations: Any, correlation: float, season: float) -> None:
    runs = simulations.runs(20)
    waits = [
        alarm_after(np.random.default_rng([seed, 2]), correlation, season, falls=0.5, days=180) or 999
        for seed in range(runs)
    ]
    within, stated = (60, 0.9) if correlation == 0 else (120, 0.6)
    what = f"business metric, lag-1 {correlation}, season {season}: a fall by half seen within {within} days"
    hits = sum(each <= within for each in waits)
    simulations.at_least(f"{what} (median day {np.median(waits):.0f})", hits, runs, stated)
