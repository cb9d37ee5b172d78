"""Series to be forecast: run, serve, ask, outcome, watch, canary, rollback, why, parity."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.ledger import releases
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look, Watcher
from kreis.workspace import Workspace

START = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.slow

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    BusinessMetric, Canary, Differenced, ErrorCost, Goal, GradientBoosting, Guardrail, Linear, Project, Risk, Rule,
    TimeSplit, Window
)

project = Project("shops", goal=Goal(
    question="How much will be sold?", decision="Order as much.", risk=Risk.minimal(because="orders goods"),
    metric=ErrorCost("EUR per 1,000 forecasts", over=1.0, under=1.0), task="forecasting",
    guardrails=[Guardrail("scaled_error", at_most=0.99)],
))

@project.source(contract="sales.yaml", known_at="closed")
def sales(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "sales.parquet").filter(window.contains("closed"))

sold = project.series(
    "sold", table=sales, key="shop", time="day", value="sold", known_at="closed", every="1d", horizons=[1, 2], season=7,
    lags=2, delay="2h",
)
project.split(TimeSplit(test="60d"))
project.candidate("last value", Rule(sold.last_value), baseline=True)
project.candidate("drift", Rule(sold.drift_line), baseline=True)
project.candidate("gbdt", Differenced(GradientBoosting(trees=6, leaves=7), against=sold.last_value))
project.release(Canary(steps=[0.5, 1.0], hold="1d", margin="90%"), fallback="last value")
project.monitor(BusinessMetric())
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: sales
version: 1.0.0
schema:
  - name: sales
    properties:
      - {name: shop, logicalType: string, primaryKey: true}
      - {name: day, logicalType: timestamp, required: true, primaryKey: true}
      - {name: sold, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: closed, logicalType: timestamp, required: true}
"""


def drawn() -> pl.DataFrame:
    """Four shops, day by day, each with its level and its week; the day is counted an hour after it."""
    rng = np.random.default_rng(3)
    days = pl.datetime_range(START - 260 * DAY, START + 40 * DAY, "1d", eager=True, time_zone="UTC")
    week = np.array([0.0, 5.0, 10.0, 0.0, -5.0, 30.0, -20.0])
    parts = []
    for level, shop in enumerate(("north", "south", "east", "west")):
        base = 60 + 40 * level + np.cumsum(rng.normal(size=len(days)))
        sold = base + week[np.arange(len(days)) % 7] * (1 + 0.3 * level) + 3 * rng.normal(size=len(days))
        parts.append(pl.DataFrame({"shop": shop, "day": days, "sold": np.maximum(sold, 0)}))
    return pl.concat(parts).with_columns(closed=pl.col("day") + timedelta(hours=25))


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """A project of series, and a weak first model in service."""
    like = tmp_path_factory.mktemp("like")
    (like / "kreis.toml").write_text(f'[clock]\nas_of = "{START:%Y-%m-%d}"\n[training]\nseed = 7\n')
    (like / "sales.yaml").write_text(CONTRACT)
    (like / "project.py").write_text(PROJECT)
    drawn().write_parquet(like / "sales.parquet")
    shop = new_shop(tmp_path_factory.mktemp("shops") / "shops", like=like)
    shop.run("run")
    shop.edit("trees=6, leaves=7), against=sold.last_value", "trees=80, leaves=7), against=sold.seasonal_naive")
    return shop


def name(shop: str, origin: datetime, ahead: int) -> str:
    """Of a forecast, as the spine has it."""
    return f"{shop} {origin:%Y-%m-%dT%H:%M} +{ahead}"


class Days:
    """Asks the service two hours after each day, and says what was sold when it is known."""

    def __init__(self) -> None:
        self.sold = {(row["shop"], row["day"]): row for row in drawn().iter_rows(named=True)}
        self.answers: list[dict[str, Any]] = []

    def happen(self, service: Any, over: datetime) -> None:
        """The day that ends at `over`."""
        origin = over + timedelta(hours=2)
        told = [
            {
                "reference": f"{shop} {origin - ahead * DAY:%Y-%m-%dT%H:%M} +{ahead}",
                "outcome": row["sold"],
                "known_at": row["closed"].isoformat(),
            }
            for (shop, day), row in self.sold.items()
            if day == over - DAY
            for ahead in (1, 2)
            if origin - ahead * DAY >= START
        ]
        if told:
            service.post("/v1/outcomes", {"outcomes": told}, at=origin)
        for shop in ("north", "south", "east", "west"):
            for ahead in (1, 2):
                period = over + (ahead - 1) * DAY
                fields = {"horizon": ahead, "period": period.isoformat()}
                asked = {
                    "keys": {"shop": shop},
                    "fields": fields,
                    "reference": f"{shop} {origin:%Y-%m-%dT%H:%M} +{ahead}",
                }
                self.answers.append(service.post("/v1/predict", asked, at=origin))


@pytest.fixture(scope="module")
def watched(shops: Any) -> Iterator[tuple[Any, Workspace, Days, list[Look]]]:
    """Three weeks: each day asked, answered, and watched; a better model released on the fifth."""
    workspace = Workspace(shops.folder, clock=SimulatedClock(START))
    project = workspace.load_project()
    days = Days()

    def circle(now: datetime, trigger: str) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, trigger=trigger)
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    def collect(now: datetime) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, until="preparation")
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    looks: list[Look] = []
    watcher = Watcher(project, workspace, circle=circle, collect=collect, close_log=lambda: close_segment(workspace))
    with serving(shops) as service:
        for number in range(21):
            over = START + number * DAY
            now = over + timedelta(hours=1, minutes=30)
            workspace.clock.advance(now)
            run_circle(project, workspace, as_of=now, until="preparation")
            days.happen(service, over)
            later = over + timedelta(hours=3)
            workspace.clock.advance(later)
            looks.append(watcher.look(later))
            if number == 4:
                found = run_circle(project, workspace, as_of=later)
                assert found.status == "advanced", found.last
            service.follow(workspace, project.name)
    yield shops, workspace, days, looks
    workspace.ledger.close()


def test_a_forecast_is_measured_against_the_last_value_by_horizon(shops: Any) -> None:
    report = shops.document("show", "candidate", "gbdt")["evaluation"]
    assert report["metrics"]["scaled_error"]["value"] < 0.8
    by_horizon = {each["group"]: each for each in report["slices"] if each["column"] == "horizon"}
    assert set(by_horizon) == {"1", "2"}
    assert all("scaled_error" in each["metrics"] for each in by_horizon.values())


def test_every_day_is_watched_and_no_part_of_a_look_fails(watched: Any) -> None:
    _, _, _, looks = watched
    assert not [error for look in looks for error in look.errors]
    assert sum(look.outcomes for look in looks) > 100


def test_a_canary_of_forecasts_is_judged(watched: Any) -> None:
    _, workspace, _, looks = watched
    moves = [look.canary for look in looks if look.canary is not None]
    assert moves[-1].kind == "promoted", [each.reason for each in moves][-1]
    with workspace.ledger.read() as connection:
        assert releases.current_release(connection, "shops").kind == "promotion"


def test_serves_what_the_training_join_computes(watched: Any) -> None:
    shops, _, _, _ = watched
    found = shops.document("parity", "--rows", "150")
    assert (found["ok"], found["differences"]) == (True, 0), found


def test_a_forecast_is_explained(watched: Any) -> None:
    shops, _, days, _ = watched
    walk = shops.document("why", days.answers[8]["id"])
    assert walk["prediction"]["outcome"] == pytest.approx(days.sold["north", START + DAY]["sold"])
    assert walk["goal"]["question"] == "How much will be sold?"
    features = {each["name"]: each["value"] for each in walk["features"]}
    assert features["sold__last"] == pytest.approx(days.sold["north", START]["sold"])


def test_a_release_can_be_rolled_back(watched: Any) -> None:
    shops, _, _, _ = watched
    assert "is in service" in shops.kreis("rollback", "--reason", "a test")
