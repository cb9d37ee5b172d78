"""Thousands of hours of one real series: the air of Beijing, a day ahead, against the same hour of the day before."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("KREIS_TEST_DATA", ROOT.parent / "shared" / "data"))
DATA = DATA / "beijing_pm25" / "pollution.csv.gz"

pytestmark = [
    pytest.mark.skipif(not DATA.is_file(), reason=f"the data of Beijing's air are not at {DATA}"),
    pytest.mark.slow,
]

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    BusinessMetric, Canary, Differenced, ErrorCost, Goal, GradientBoosting, Guardrail, Project, Risk, Rule, TimeSplit,
    Window, read_csv
)

project = Project("air", goal=Goal(
    question="How much fine dust will there be?", decision="Warn.", risk=Risk.minimal(because="warns"),
    metric=ErrorCost("points per 1,000 forecasts", over=1.0, under=1.0, quantiles=[0.1, 0.9]), task="forecasting",
    guardrails=[Guardrail("scaled_error", at_most=0.9)],
))

@project.source(contract="air.yaml", known_at="measured_at")
def air(window: Window) -> pl.LazyFrame:
    parts = [pl.col(each).cast(pl.Int32) for each in ("year", "month", "day", "hour")]
    hours = read_csv(Path(__file__).parent / "air.csv", missing=("", "NA")).select(
        pl.lit("beijing").alias("city"), pl.datetime(*parts, time_zone="UTC").alias("hour"),
        pl.col("pm2.5").alias("dust"), pl.col("DEWP").alias("dew"), pl.col("PRES").alias("pressure"),
    )
    hours = hours.with_columns(measured_at=pl.col("hour") + pl.duration(hours=1))
    return hours.filter(pl.col("hour").dt.year() >= 2013, window.contains("measured_at"))

@project.table(layer="silver")
def weather(air: pl.LazyFrame) -> pl.LazyFrame:
    return air.drop("dust")

dust = project.series(
    "dust", table=air, key="city", time="hour", value="dust", known_at="measured_at", every="1h", horizons=[1, 6, 24],
    season=24, windows=[24],
)
project.feature_view(
    "weather", entity="city", table=weather, event_time="hour", known_at="measured_at", ttl="6h",
    features={"dew": pl.col("dew"), "pressure": pl.col("pressure")},
)
project.split(TimeSplit(test="120d"))
project.candidate("the day before", Rule(dust.seasonal_naive), baseline=True)
project.candidate("last value", Rule(dust.last_value), baseline=True)
project.candidate("gbdt", Differenced(GradientBoosting(trees=80), against=dust.last_value))
project.release(Canary(steps=[1.0], hold="1d", margin="25%"), fallback="last value")
project.monitor(BusinessMetric())
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: air
version: 1.0.0
schema:
  - name: air
    properties:
      - {name: city, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: hour, logicalType: timestamp, primaryKey: true, primaryKeyPosition: 2}
      - {name: dust, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: dew, logicalType: number}
      - {name: pressure, logicalType: number}
      - {name: measured_at, logicalType: timestamp, required: true}
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """What the evaluation of the candidate says; the circle reaches a release."""
    like = tmp_path_factory.mktemp("like")
    (like / "kreis.toml").write_text('[clock]\nas_of = "2015-01-02"\n[training]\nseed = 7\n')
    (like / "air.yaml").write_text(CONTRACT)
    (like / "project.py").write_text(PROJECT)
    (like / "air.csv").write_bytes(gzip.decompress(DATA.read_bytes()))
    shop = new_shop(tmp_path_factory.mktemp("air") / "air", like=like)
    shop.run("run")
    return shop.document("show", "candidate", "gbdt")["evaluation"]


def test_a_day_ahead_is_forecast_better_than_by_the_day_before(judged: Any) -> None:
    assert judged["metrics"]["scaled_error"]["high"] < 0.9
    by_horizon = {each["group"]: each["metrics"] for each in judged["slices"] if each["column"] == "horizon"}
    errors = [by_horizon[ahead]["scaled_error"]["value"] for ahead in ("1", "6", "24")]
    assert errors == sorted(errors)
    assert errors[0] < 0.4
    assert errors[2] < 0.95


def test_ranges_hold_less_often_the_farther_ahead_they_reach_and_that_is_said(judged: Any) -> None:
    """The winter that judges is worse than the two years that teach: of four in five hours a day ahead, 67% come."""
    low, high = (judged["metrics"]["coverage"][end] for end in ("low", "high"))
    assert 0.7 < low < 0.8 < high < 0.85
    by_horizon = {each["group"]: each["metrics"] for each in judged["slices"] if each["column"] == "horizon"}
    held = [by_horizon[ahead]["coverage"]["value"] for ahead in ("24", "6", "1")]
    assert held == sorted(held)
    assert held[0] > 0.55
