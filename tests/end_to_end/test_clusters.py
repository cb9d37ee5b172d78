"""Clustering has no outcome: the whole circle, with a canary that judges agreement and service levels alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.end_to_end.circle_of_a_task import Asked, Walk, history, walked

pytestmark = pytest.mark.slow

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    BusinessMetric, Canary, ClusterSeparation, Drift, Goal, KMeans, Project, Risk, TimeSplit, Window
)

project = Project("customers", goal=Goal(
    question="Which customers are alike?", decision="Write to each kind otherwise.",
    risk=Risk.minimal(because="a letter"), metric=ClusterSeparation(), better_than_baseline=0.3, replaced_in_vain=0.9,
))

@project.source(contract="rows.yaml", known_at="seen")
def rows(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "rows.parquet").filter(window.contains("seen"))

@project.spine(id="id", time="at", keys=[])
def customers(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows

project.request_view(
    "customer",
    fields={"orders": "number", "basket": "number"},
    features={"orders": pl.col("orders"), "basket": pl.col("basket")},
)
project.split(TimeSplit(test="20d"))
project.candidate("one", KMeans(clusters=1), baseline=True)
project.candidate("kinds", KMeans(clusters=3))
project.release(Canary(steps=[0.5, 1.0], hold="1d", margin=0.4), fallback="one")
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
      - {name: orders, logicalType: number}
      - {name: basket, logicalType: number}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp, required: true}
"""


def drawn(rows: int) -> dict[str, Any]:
    """Three kinds of customers."""
    rng = np.random.default_rng(12)
    kind = rng.integers(0, 3, rows)
    return {
        "orders": rng.normal(np.array([2.0, 12.0, 2.0])[kind], 1.0),
        "basket": rng.normal(np.array([20.0, 20.0, 90.0])[kind], 8.0),
    }


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walk]:
    asked = Asked(
        name="customers",
        project=PROJECT,
        contract=CONTRACT,
        rows=history(1_800, 90, drawn(1_800)),
        fields=("orders", "basket"),
        outcome=None,
        weaker=("KMeans(clusters=3)", "KMeans(clusters=2)"),
        days=7,
    )
    with walked(asked, tmp_path_factory.mktemp("clusters"), new_shop) as found:
        yield found


def test_clusters_are_learned_and_judged_without_an_outcome(walk: Walk) -> None:
    model = walk.shop.document("show", "model", str(walk.answers[0]["version"]))
    assert model["manifest"]["decision"] == {"rule": "nearest", "clusters": 2}
    assert model["manifest"]["training"]["outcomes"] == "there is no outcome"
    assert {each["name"]: each["outcome"] for each in model["evaluation"]["gates"]} == {"better_than_baseline": "pass"}
    assert set(model["evaluation"]["metrics"]) == {"value", "smallest_cluster", "largest_cluster", "distance"}


def test_a_row_is_answered_with_its_cluster_and_its_distances(walk: Walk) -> None:
    for answer in walk.answers:
        distances = list(answer["scores"].values())
        assert answer["decision"] == distances.index(min(distances)) + 1
        assert answer["score"] == min(distances)
    assert {len(answer["scores"]) for answer in walk.answers} == {2, 3}  # of champion and challenger


def test_an_outcome_is_refused(walk: Walk) -> None:
    assert "has no outcome" in walk.refused


def test_every_day_is_watched(walk: Walk) -> None:
    assert not [error for look in walk.looks for error in look.errors]
    assert sum(look.outcomes for look in walk.looks) == 0


def test_a_canary_judges_agreement_and_service_levels_and_says_so(walk: Walk) -> None:
    moves = [look.canary for look in walk.looks if look.canary is not None]
    evidence = moves[-1].evidence
    assert evidence["judged_by"] == "agreement with the champion, and service levels"
    assert evidence["outcomes"] == 0 < evidence["compared"]
    assert -0.4 < evidence["difference"] < -0.2  # one of three kinds was part of another
    assert "there are no outcomes, so agreement and service levels are all that is judged" in moves[-1].reason
    assert walk.release.number == walk.rolled_back["number"] > 1


def test_a_cluster_is_explained_and_computed_again_alike(walk: Walk) -> None:
    told = walk.shop.document("why", walk.answers[0]["id"])
    assert told["prediction"]["decided"] == f"Number {walk.answers[0]['decision']:g}"
    assert told["prediction"]["happened"] == "not known yet"
    found = walk.shop.document("parity")
    assert (found["ok"], found["differences"]) == (True, 0)
    assert found["rows"] == len(walk.answers)
