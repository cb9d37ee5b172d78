"""A network is trained, judged, packaged, served and explained: its reasons add up to what it answers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

PROJECT = """
import polars as pl
from kreis import DecisionValue, Estimator, Goal, Mean, Project, Reasons, Risk, Torch

value = DecisionValue("EUR per loan", per=1, true_positive=100, false_positive=-100)
project = Project("loans", goal=Goal(
    question="Will this loan be paid back?", decision="Grant it.", metric=value, risk=Risk.minimal(because="a try-out"),
    better_than_baseline=0,
))
project.rows(
    "loans.csv", outcome="repaid",
    features={
        "income": pl.col("income"), "age": pl.col("age"), "region": pl.col("region").cast(pl.Categorical),
    },
)

def module(inputs, outputs):
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, outputs))

def layers():
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier((16, 8), max_iter=400))

project.candidate("mean", Mean(), baseline=True)
project.candidate("network", #NETWORK)
project.answer_with(Reasons(2))
"""
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NETWORKS = {
    "scikit-learn": "Estimator(layers())",
    "torch": "Torch(module=module, epochs=40, learning_rate=1e-2)",
}
no_torch = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("onnxscript")), reason="the extra kreis[torch] is not installed"
)
pytestmark = pytest.mark.slow


def loans(count: int = 3_000) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    region, income, age = rng.choice(["n", "s", "w"], count), rng.normal(size=count), rng.uniform(20, 70, count)
    odds = 2 * income + 1.5 * (region == "s") + np.abs(age - 45) / 10 - 1.5
    repaid = rng.random(count) < 1 / (1 + np.exp(-odds))
    age[:60] = np.nan
    return pl.DataFrame({"income": income, "age": age, "region": region, "repaid": repaid}, nan_to_null=True)


@pytest.fixture(scope="module", params=["scikit-learn", pytest.param("torch", marks=no_torch)])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    base: Path = tmp_path_factory.mktemp("networks")
    like = base / "like"
    like.mkdir()
    (like / "project.py").write_text(PROJECT.replace("#NETWORK", NETWORKS[request.param]))
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    loans().write_csv(like / "loans.csv")
    made = new_shop(base / "loans", like=like)
    made.said = made.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}")
    return made


def test_a_network_goes_around_the_circle_and_says_why(shop: Any) -> None:
    assert "release 1: 100%" in shop.said
    row = {"fields": {"income": 0.7, "age": None, "region": "s"}}
    with serving(shop) as served:
        answered = served.post("/v1/predict", row, at=NOW)
        told = served.post("/v1/explain", {"prediction": answered["id"]})
        asked = served.post("/v1/explain", row)
    (explained,) = told["explained"]
    assert asked["explained"] == told["explained"]
    adds = {each["feature"]: each["adds"] for each in explained["reasons"]}
    assert set(adds) == {"row__income", "row__age", "row__region"}
    assert explained["base"] + sum(adds.values()) == pytest.approx(explained["margin"], abs=1e-12)
    assert "left" not in explained
    assert 1 / (1 + math.exp(-explained["margin"])) == pytest.approx(answered["score"], abs=1e-6)
    assert explained["map"].endswith("from the mean training row, by integrated gradients")
    assert adds["row__income"] > abs(adds["row__age"])
    parts = answered["parts"]["reasons"]
    assert [each["feature"] for each in parts["reasons"]] == [e["feature"] for e in explained["reasons"][:2]]

    def why() -> Any:
        return shop.document("why", answered["id"])["reasons"]

    before = why()  # from the service's log
    shop.kreis("watch", "--once")
    assert before == why() == told["explained"]  # from the lake
    assert "by integrated gradients" in " ".join(shop.kreis("why", answered["id"]).split())
