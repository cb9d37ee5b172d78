"""A model that is made to treat women and men more alike is trained, judged, packaged, served and explained."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

PROJECT = """
import polars as pl
from kreis import (
    DecisionValue, Fairness, Gate, Goal, GradientBoosting, Guardrail, Mean, Project, Reweighed, Risk, ThresholdsByGroup
)

value = DecisionValue("EUR per loan", per=1, true_positive=100, false_positive=-100)
project = Project("loans", goal=Goal(
    question="Will this loan be paid back?", decision="Grant it.", metric=value, risk=Risk.minimal(because="a try-out"),
    better_than_baseline=0, favourable="positive",
))
project.rows(
    "loans.csv", outcome="repaid", judge_by=["sex"],
    features={
        "income": pl.col("income"), "height": pl.col("height"), "sex": pl.col("sex").cast(pl.Categorical),
    },
)
USED = ["row__income", "row__height"]
project.candidate("mean", Mean(), baseline=True, features=USED)
project.candidate(
    "fair", GradientBoosting(trees=20, leaves=5), #FAIR
)
project.gates(Gate("demographic_parity_ratio", at_least=0.6, by="sex"))
project.examine(Fairness(pairs=False))
"""
BY_GROUP = 'mitigate=ThresholdsByGroup(by="row__sex", at_least=0.95, because="women got loans less often"),'
WEIGHED = 'features=USED, mitigate=Reweighed(by="sex", because="women got loans less often"),'
pytestmark = pytest.mark.slow
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def loans(count: int = 6_000) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    sex = rng.choice(["f", "m"], count)
    income, height = rng.normal(size=count), 0.3 * rng.normal(size=count) + (sex == "m")
    repaid = rng.random(count) < 1 / (1 + np.exp(-1.5 * income - 0.8 * (sex == "m") + 0.4))
    return pl.DataFrame({"income": income, "height": height, "sex": sex, "repaid": repaid})


def walked(place: Path, like: Path, new_shop: Any, fair: str) -> Any:
    like.mkdir()
    (like / "project.py").write_text(PROJECT.replace("#FAIR", fair))
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    loans().write_csv(like / "loans.csv")
    shop = new_shop(place, like=like)
    shop.said = shop.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}")
    return shop


@pytest.fixture(scope="module")
def by_group(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    base = tmp_path_factory.mktemp("fair")
    return walked(base / "loans", base / "like", new_shop, BY_GROUP)


def test_thresholds_by_group_pass_the_gate_and_stand_on_the_record_with_their_reason(by_group: Any) -> None:
    assert "release 1: 100%" in by_group.said
    model = by_group.document("show", "model")
    gates = {each["name"]: each["outcome"] for each in model["evaluation"]["gates"]}
    assert gates["demographic_parity_ratio by sex"] == "pass"
    told = " ".join((by_group.kreis("show", "model") + by_group.kreis("show", "candidate", "fair")).split())
    assert told.count("because: women got loans less often") == 2
    assert "it decides yes by row__sex, from a probability of" in told


def test_the_service_decides_by_the_group_of_the_request(by_group: Any) -> None:
    rows = [{"fields": {"income": income, "height": 0.5, "sex": sex}} for income in (-0.2, 0.0, 0.2) for sex in "fm"]
    with serving(by_group) as served:
        answers = [served.post("/v1/predict", row, at=NOW) for row in rows]
        missing = served.post("/v1/predict", {"fields": {"income": 0.0, "height": 0.5, "sex": None}}, at=NOW)
        told = served.post("/v1/explain", {"prediction": answers[0]["id"]})["explained"][0]
    women, men = ([each["score"] for each in answers[start::2]] for start in (0, 1))
    assert all(woman > man for woman, man in zip(women, men, strict=True))
    assert 0 < missing["score"] < 1
    assert told["threshold"].startswith(
        "for row__sex 'f' the decision is yes where the score before the move is at least"
    )
    by_group.kreis("watch", "--once")
    (said,) = by_group.document("why", answers[0]["id"])["reasons"]
    assert said == told
    assert "then moved by group; for row__sex 'f'" in " ".join(by_group.kreis("why", answers[0]["id"]).split())
    parity = by_group.document("parity")
    assert (parity["ok"], parity["differences"]) == (True, 0), parity


def test_a_reweighed_model_needs_no_group_in_the_service(tmp_path: Path, new_shop: Any) -> None:
    shop = walked(tmp_path / "loans", tmp_path / "like", new_shop, WEIGHED)
    told = " ".join(shop.kreis("show", "candidate", "fair").split())
    assert "were weighed so that no outcome is rarer in a group by sex" in told
    assert "row__sex" not in told
