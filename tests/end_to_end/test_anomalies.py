"""Anomaly detection with few outcomes known: the whole circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.circle_of_a_task import START, Asked, Walk, history, walked

pytestmark = pytest.mark.slow

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    AlarmValue, BusinessMetric, Canary, Drift, Goal, IsolationForest, Project, Risk, RobustZScore, TimeSplit, Window
)

project = Project("payments", goal=Goal(
    question="Is this payment strange?", decision="Ask before it is paid.", risk=Risk.minimal(because="only asks"),
    metric=AlarmValue("EUR per 1,000 payments", true_positive=300, false_positive=-10, alarms=0.05),
    better_than_baseline=1, least=20, replaced_in_vain=0.9,
))

@project.source(contract="rows.yaml", known_at="seen")
def rows(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "rows.parquet").filter(window.contains("seen"))

@project.spine(id="id", time="at", keys=[], outcome="strange", outcome_known_at="seen", outcome_within="1d")
def payments(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows

project.request_view(
    "payment",
    fields={"amount": "number", "hour": "number", "same_country": "boolean"},
    features={"amount": pl.col("amount"), "hour": pl.col("hour"), "abroad": ~pl.col("same_country")},
)
project.split(TimeSplit(test="30d"))
project.candidate("rule", RobustZScore(), baseline=True, features=["payment__abroad"])
project.candidate("forest", IsolationForest(trees=60), features=["payment__amount", "payment__hour"])
project.release(Canary(steps=[0.5, 1.0], hold="1d", margin="50%"), fallback="rule")
project.monitor(BusinessMetric(), Drift())
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: rows
version: 1.0.0
schema:
  - name: rows
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: amount, logicalType: number}
      - {name: hour, logicalType: number}
      - {name: same_country, logicalType: boolean}
      - {name: strange, logicalType: boolean}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp, required: true}
"""


def drawn(rows: int) -> dict[str, Any]:
    """Strange payments are large, at night, and more often abroad; of two in three nobody says what it was."""
    rng = np.random.default_rng(11)
    strange = rng.random(rows) < 0.05
    known = (rng.random(rows) < 0.3) | (strange & (rng.random(rows) < 0.8))
    return {
        "amount": rng.lognormal(np.where(strange, 3.8, 3.0), 0.4, rows),
        "hour": np.where(strange, rng.normal(5.5, 2, rows), rng.normal(14, 2.7, rows)),
        "same_country": rng.random(rows) < np.where(strange, 0.9, 0.95),
        "strange": pl.Series([bool(each) if told else None for each, told in zip(strange, known, strict=True)]),
    }


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walk]:
    asked = Asked(
        name="payments",
        project=PROJECT,
        contract=CONTRACT,
        rows=history(4_500, 90, drawn(4_500)),
        fields=("amount", "hour", "same_country"),
        outcome="strange",
        weaker=('"payment__amount", "payment__hour"', '"payment__amount"'),
    )
    with walked(asked, tmp_path_factory.mktemp("anomalies"), new_shop) as found:
        yield found


def test_rows_of_which_nobody_knows_teach(walk: Walk) -> None:
    model = walk.shop.document("show", "model", str(walk.answers[0]["version"]))
    assert model["candidate"] == "forest"
    assert "that are known" in model["manifest"]["training"]["outcomes"]
    assert [each["name"] for each in model["evaluation"]["gates"]] == ["better_than_baseline", "alarm_rate"]
    assert {each["outcome"] for each in model["evaluation"]["gates"]} == {"pass"}
    assert 0.01 < model["evaluation"]["metrics"]["alarm_rate"]["value"] < 0.1


def test_alarms_are_served_and_find_what_is_strange(walk: Walk) -> None:
    strange = np.array([row["strange"] is True for row in walk.asked])
    alarms = np.array([answer["decision"] for answer in walk.answers])
    assert alarms.dtype == bool
    assert alarms[strange].mean() > 4 * alarms[~strange].mean() > 0
    assert "must be 0, 1, false or true" in walk.refused


def test_every_day_is_watched(walk: Walk) -> None:
    assert not [error for look in walk.looks for error in look.errors]
    assert sum(look.outcomes for look in walk.looks) == sum(row["strange"] is not None for row in walk.asked) > 0


def test_a_canary_is_judged_by_the_outcomes_that_came_and_can_be_rolled_back(walk: Walk) -> None:
    moves = [look.canary for look in walk.looks if look.canary is not None]
    assert moves[-1].evidence["outcomes"] > 0
    assert moves[-1].evidence["requests"] > moves[-1].evidence["outcomes"]
    assert walk.release.number == walk.rolled_back["number"] > 1
    assert {route.model for route in walk.release.routes} == {walk.answers[0]["model"]}


def test_an_alarm_is_explained_and_computed_again_alike(walk: Walk) -> None:
    place = next(place for place, row in enumerate(walk.asked) if row["strange"] is not None)
    told = walk.shop.document("why", walk.answers[place]["id"])
    assert told["prediction"]["outcome"] == float(walk.asked[place]["strange"])
    assert told["prediction"]["happened"] in ("yes", "no")
    found = walk.shop.document("parity")
    assert (found["ok"], found["differences"]) == (True, 0)
    assert found["rows"] == len(walk.answers)


def test_the_days_are_those_of_the_service(walk: Walk) -> None:
    assert len(walk.looks) == 4
    assert min(row["at"] for row in walk.asked) >= START
