"""Ranking: the offers of one query come in an order; the whole circle."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.circle_of_a_task import Asked, Walk, history, walked

pytestmark = pytest.mark.slow

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    BusinessMetric, Canary, Drift, Goal, GradientBoosting, Guardrail, Project, RankingValue, Risk, Rule, TimeSplit,
    Window
)

project = Project("offers", goal=Goal(
    question="Which offer will be taken?", decision="Show them in this order.", risk=Risk.minimal(because="an order"),
    metric=RankingValue("EUR per 1,000 offers", gains={1: 0.1, 2: 3.0}, at=3, group="query"),
    better_than_baseline=1, replaced_in_vain=0.9, guardrails=[Guardrail("ndcg", at_least=0.4)],
))

@project.source(contract="rows.yaml", known_at="seen")
def rows(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "rows.parquet").filter(window.contains("seen"))

@project.spine(id="id", time="at", keys=[], outcome="taken", outcome_known_at="seen", outcome_within="1d")
def offers(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows

project.request_view(
    "offer",
    fields={"query": "string", "price": "number", "fit": "number"},
    features={"price": pl.col("price"), "fit": pl.col("fit")},
)
project.split(TimeSplit(test="20d"))
project.candidate("cheapest", Rule(-1.0 * pl.col("offer__price")), baseline=True)
project.candidate("gbdt", GradientBoosting(trees=30, leaves=7), features=["offer__price", "offer__fit"])
project.release(Canary(steps=[0.5, 1.0], hold="1d", margin="40%"), fallback="cheapest")
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
      - {name: query, logicalType: string, required: true}
      - {name: price, logicalType: number}
      - {name: fit, logicalType: number}
      - {name: taken, logicalType: integer}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp, required: true}
"""
OFFERS = 5


def drawn(queries: int) -> pl.DataFrame:
    """Of the five offers of a query the one that fits best is mostly taken; queries come again at other moments."""
    rng = np.random.default_rng(3)
    asked = history(queries, 90, {"query": [f"q{number % 17}" for number in range(queries)]}).drop("id")
    offers = asked.select(pl.all().repeat_by(OFFERS).explode(empty_as_null=True, keep_nulls=True))
    n = queries * OFFERS
    price, fit = rng.lognormal(3, 0.3, n), rng.normal(size=n)
    liking = (fit - 0.03 * price + 0.5 * rng.normal(size=n)).reshape(-1, OFFERS)
    order = np.argsort(np.argsort(-liking, axis=1), axis=1)
    taken = np.where(order == 0, 2, np.where(order == 1, 1, 0)).ravel()
    return offers.with_columns(
        id=pl.Series([f"r{each:05}" for each in range(n)]),
        price=pl.Series(price),
        fit=pl.Series(fit),
        taken=pl.Series(taken),
    )


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walk]:
    asked = Asked(
        name="offers",
        project=PROJECT,
        contract=CONTRACT,
        rows=drawn(1_200),
        fields=("query", "price", "fit"),
        outcome="taken",
        weaker=('"gbdt", GradientBoosting(trees=30, leaves=7)', '"gbdt", GradientBoosting(trees=1, leaves=2)'),
        wrong=7,
    )
    with walked(asked, tmp_path_factory.mktemp("ranking"), new_shop) as found:
        yield found


def test_a_model_of_orders_passes_its_gates(walk: Walk) -> None:
    model = walk.shop.document("show", "model", str(walk.answers[0]["version"]))
    assert model["manifest"]["decision"] == {"rule": "rank", "within": "query"}
    assert [(each["name"], each["outcome"]) for each in model["evaluation"]["gates"]] == [
        ("better_than_baseline", "pass"),
        ("ndcg", "pass"),
    ]
    assert set(model["evaluation"]["metrics"]) == {"value", "ndcg", "reciprocal_rank", "precision", "mean_outcome"}


def test_the_offers_of_a_query_are_answered_with_places_by_one_model(walk: Walk) -> None:
    both = list(zip(walk.asked, walk.answers, strict=True))
    models = set()
    for _, group in groupby(both, key=lambda pair: (pair[0]["at"], pair[0]["query"])):
        together = list(group)
        assert sorted(answer["decision"] for _, answer in together) == list(range(1, OFFERS + 1))
        scores = [answer["score"] for _, answer in sorted(together, key=lambda pair: pair[1]["decision"])]
        assert scores == sorted(scores, reverse=True)
        assert len({answer["model"] for _, answer in together}) == 1
        models |= {answer["model"] for _, answer in together}
    assert len(models) == 2  # of the canary
    assert "must be at most 2" in walk.refused
    assert walk.schemas["Reply"]["properties"]["decision"]["minimum"] == 1


def test_every_day_is_watched(walk: Walk) -> None:
    assert not [error for look in walk.looks for error in look.errors]
    assert sum(look.outcomes for look in walk.looks) == len(walk.asked)


def test_a_canary_counts_queries_and_can_be_rolled_back(walk: Walk) -> None:
    evidence = [look.canary for look in walk.looks if look.canary is not None][-1].evidence
    assert evidence["requests"] % OFFERS == 0 < evidence["outcomes"] <= evidence["requests"] / OFFERS
    assert evidence["difference"] > 0
    assert walk.release.number == walk.rolled_back["number"] > 1


def test_a_place_is_explained_and_computed_again_alike(walk: Walk) -> None:
    told = walk.shop.document("why", walk.answers[0]["id"])
    assert told["prediction"]["decided"] == str(int(walk.answers[0]["decision"]))
    assert told["prediction"]["outcome"] == walk.asked[0]["taken"]
    found = walk.shop.document("parity")
    assert (found["ok"], found["differences"]) == (True, 0)
    assert found["rows"] == len(walk.answers)


def test_a_file_is_answered_with_the_places_that_the_service_gives(walk: Walk) -> None:
    first = next(place for place, answer in enumerate(walk.answers) if answer["version"] == walk.answers[0]["version"])
    together = [place for place, row in enumerate(walk.asked) if row["at"] == walk.asked[first]["at"]]
    asked = [{name: walk.asked[place][name] for name in ("id", "query", "price", "fit")} for place in together]
    pl.DataFrame(asked).write_csv(walk.shop.folder / "asked.csv")
    walk.shop.run("predict", "asked.csv", "--output", "answers.csv", "--model", str(walk.answers[0]["version"]))
    found = pl.read_csv(walk.shop.folder / "answers.csv").to_dicts()
    assert [row["decision"] for row in found] == [walk.answers[place]["decision"] for place in together]
