"""A third task, written outside the package: it passes the suite, and its project walks the circle."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.circle_of_a_task import Asked, history, walked
from tests.end_to_end.test_service import serving

from kreis.tasks.testing import CHECKS, Example

COUNTS = Path(__file__).with_name("counts.py")
AS_OF = datetime(2025, 8, 15, tzinfo=UTC)

PROJECT = """
from pathlib import Path
import polars as pl
from counts import Deviance
from kreis import (
    BusinessMetric, Canary, Goal, GradientBoosting, Guardrail, Linear, Mean, Project, Risk, TimeSplit, Window
)

project = Project("calls", goal=Goal(
    question="How many calls will come in?", decision="Staff the desk.", risk=Risk.minimal(because="a roster"),
    metric=Deviance("deviance per call", per=1), better_than_baseline=0.05,
    guardrails=[Guardrail("zeros", at_most=0.9)],
))

@project.source(contract="calls.yaml", known_at="seen")
def calls(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "calls.parquet").filter(window.contains("seen"))

@project.spine(id="slot", time="at", keys=["desk"], outcome="count", outcome_known_at="seen", outcome_within="1d")
def slots(calls: pl.LazyFrame) -> pl.LazyFrame:
    return calls

project.request_view("slot", fields={"heat": "number"}, features={"heat": pl.col("heat")})
project.split(TimeSplit(test="20d"))
project.candidate("mean", Mean(), baseline=True)
project.candidate("linear", Linear())
project.candidate("gbdt", GradientBoosting(trees=40, leaves=7))
project.release(Canary(steps=[0.5, 1.0], hold="1d"), fallback="mean")
project.monitor(BusinessMetric())
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: calls
version: 1.0.0
schema:
  - name: calls
    properties:
      - {name: slot, logicalType: string, primaryKey: true}
      - {name: desk, logicalType: string}
      - {name: heat, logicalType: number}
      - {name: count, logicalType: integer}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp, required: true}
"""


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    heat = rng.normal(size=rows)
    return heat, rng.poisson(np.exp(1 + 0.6 * heat))


@pytest.fixture(scope="module")
def counts() -> Any:
    spec = importlib.util.spec_from_file_location("counts", COUNTS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["counts"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["counts"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_third_task_behaves(check, counts):
    heat, happened = drawn(400)
    column = pl.Series("count", [None if place % 40 == 0 else int(each) for place, each in enumerate(happened)])
    scores, wrong = np.exp(1 + 0.5 * heat), pl.Series("count", [1.5, -2.0, 3.0])
    check(Example(task=counts.Deviance("nats").task, column=column, wrong=wrong, scores=scores))


@pytest.fixture(scope="module")
def desk(tmp_path_factory, new_shop):
    """A project of counts, released."""
    like = tmp_path_factory.mktemp("like")
    (like / "kreis.toml").write_text(f'[clock]\nas_of = "{AS_OF:%Y-%m-%d}"\n[training]\nseed = 7\n')
    (like / "calls.yaml").write_text(CONTRACT)
    (like / "project.py").write_text(PROJECT)
    (like / "counts.py").write_text(COUNTS.read_text())
    heat, happened = drawn(2_400)
    at = pl.datetime_range(AS_OF - timedelta(hours=1.2) * 2_399, AS_OF, "72m", eager=True, time_zone="UTC")
    frame = pl.DataFrame({"heat": heat, "count": happened, "at": at, "desk": "one"})
    frame = frame.with_columns(seen=pl.col("at") + timedelta(hours=6), slot=pl.col("at").dt.strftime("%j-%H%M"))
    frame.write_parquet(like / "calls.parquet")
    shop = new_shop(tmp_path_factory.mktemp("calls") / "calls", like=like)
    shop.run("run")
    return shop


def test_the_third_task_walks_the_circle(desk):
    model = desk.document("show", "model")
    assert model["candidate"] == "gbdt"
    assert set(model["evaluation"]["metrics"]) == {"value", "zeros", "mean_absolute_error"}
    assert [each["outcome"] for each in model["evaluation"]["gates"]] == ["pass", "pass"]
    assert "calls expected" in desk.kreis("status")
    assert model["manifest"]["decision"] == {"rule": "identity"}


@pytest.mark.slow
def test_the_third_task_is_released_as_a_canary_and_rolled_back(tmp_path, new_shop, counts):
    heat, happened = drawn(2_600)
    columns = {"heat": heat, "count": happened, "desk": "one"}
    rows = history(2_600, 65, columns).rename({"id": "slot"})
    both = 'project.candidate("linear", Linear())\nproject.candidate("gbdt", GradientBoosting(trees=40, leaves=7))'
    asked = Asked(
        name="calls",
        project=PROJECT.replace("calls.yaml", "rows.yaml")
        .replace("calls.parquet", "rows.parquet")
        .replace("    guardrails", "    replaced_in_vain=0.9, guardrails"),
        contract=CONTRACT,
        rows=rows.with_columns(id="slot"),
        fields=("heat",),
        outcome="count",
        weaker=(both, 'project.candidate("gbdt", GradientBoosting(trees=3, leaves=7))'),
        files={"counts.py": COUNTS.read_text()},
        days=3,
    )
    with walked(asked, tmp_path, new_shop) as walk:
        evidence = [look.canary for look in walk.looks if look.canary is not None][-1].evidence
        assert evidence["outcomes"] > 0
        assert evidence["unit"] == "deviance per call"
        assert not [error for look in walk.looks for error in look.errors]
        assert "must be at least 0" in walk.refused
        assert walk.release.number == walk.rolled_back["number"] > 1
        assert walk.shop.document("parity")["differences"] == 0


def test_the_third_task_is_served_watched_and_explained(desk):
    with serving(desk) as served:
        first = served.post("/v1/predict", {"fields": {"heat": 1.0}, "reference": "a"}, at=AS_OF)
        assert first["decision"] == first["score"] == pytest.approx(np.exp(1.6), rel=0.4)
        outcome = {"outcomes": [{"prediction": first["id"], "outcome": 3}]}
        served.post("/v1/outcomes", outcome, at=AS_OF + timedelta(hours=7))
        schemas = json.loads(served.get("/openapi.json"))["components"]["schemas"]
        assert schemas["Outcome"]["properties"]["outcome"] == {"type": "integer", "minimum": 0}
        told = served.refusal("/v1/outcomes", {"outcomes": [{"prediction": first["id"], "outcome": 2.5}]})
        assert "must be a whole number" in told
    assert desk.document("watch", "--once")["errors"] == []
    assert desk.document("parity")["ok"]
    walk = desk.document("why", first["id"])
    assert (walk["prediction"]["happened"], walk["prediction"]["outcome"]) == ("3", 3.0)
