"""A table without times, from a file to the whole circle: run, serve, ask, outcome, watch, canary, rollback, why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

PROJECT = """
from kreis import (
    BusinessMetric, Canary, DecisionValue, Drift, Goal, GradientBoosting, Guardrail, Logistic, Mean, Project, Risk
)

value = DecisionValue("EUR per loan", per=1, true_positive=0, false_positive=-100, false_negative=-300, true_negative=0)
project = Project("credit", goal=Goal(
    question="Will this loan go bad?", decision="Refuse it.", metric=value, risk=Risk.minimal(because="a try-out"),
    better_than_baseline=0, favourable="negative", guardrails=[Guardrail("disparate_impact", at_least=0.5, by="sex")],
))
project.rows("credit.csv", outcome="class", positive=2, judge_by=["sex"], leave_out=["duration"])
project.candidate("mean", Mean(), baseline=True)
project.candidate("logistic", Logistic())
project.candidate("gbdt", GradientBoosting(trees=20, leaves=5))
project.release(Canary(steps=[0.5, 1.0], hold="1d"), fallback="logistic")
project.monitor(Drift(), BusinessMetric())
"""
pytestmark = pytest.mark.slow

EARLIER, NOW = "2026-03-01", datetime(2026, 9, 1, 12, tzinfo=UTC)
LOAN = {"credit_amount": 4_000, "age": 31, "duration": 48, "purpose": "car", "status": "<0"}


def loans(count: int) -> pl.DataFrame:
    """Loans of the usual kind: a dozen columns, blanks, a constant, and an outcome that is 1 or 2."""
    rng = np.random.default_rng(3)
    duration, age, amount = rng.integers(6, 72, count), rng.integers(19, 75, count), rng.integers(500, 15_000, count)
    status = rng.choice(["<0", "0-200", ">200", "none"], count, p=[0.27, 0.27, 0.06, 0.4])
    danger = duration / 8 + 2 * (status == "<0") + 1.2 * (status == "0-200") - (age - 40) / 15 + amount / 9_000 - 8.5
    bad = rng.random(count) < 1 / (1 + np.exp(-danger))
    columns = {"credit amount": amount, "age": age, "duration": duration, "status": status, "telephone": "yes"}
    purposes = np.where(np.arange(count) % 40 == 0, "?", rng.choice(["car", "business", "education"], count))
    columns |= {"purpose": purposes, "sex": rng.choice(["male", "female"], count, p=[0.7, 0.3])}
    return pl.DataFrame({**columns, "class": np.where(bad, 2, 1)})


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """A weak model released in March on part of the columns; in September a better one is a canary beside it."""
    like: Path = tmp_path_factory.mktemp("like")
    (like / "project.py").write_text(PROJECT)
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    loans(1_000).write_csv(like / "credit.csv", separator=";")
    shop = new_shop(tmp_path_factory.mktemp("credit") / "credit", like=like)
    shop.first = shop.kreis("run", "--as-of", EARLIER)
    shop.edit(', leave_out=["duration"]', "")
    shop.second = shop.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}")
    return shop


def test_a_file_becomes_a_released_model_with_nothing_but_its_outcome_named(credit: Any) -> None:
    assert "1,000 rows from 1 source, 0 set aside in quarantine" in credit.first
    assert "release 1: 100%" in credit.first
    assert "column 'telephone' is left out: it has the same value in all 1,000 rows" in credit.first
    gates = credit.document("show", "model", "2")["evaluation"]["gates"]
    assert {each["outcome"] for each in gates} == {"pass"}
    assert any(each["name"] == "disparate_impact by sex" for each in gates)


def test_no_row_of_them_has_a_date(credit: Any) -> None:
    told = (
        credit.first
        + credit.second
        + credit.kreis("show", "model", "2")
        + credit.kreis("show", "candidate", "logistic")
    )
    assert "1970" not in told
    assert "days before the run's moment" not in told
    assert "passed on 200 rows, " in credit.second


def test_a_repeated_run_remembers_every_step_on_any_day(credit: Any) -> None:
    again = credit.kreis("run", "--as-of", f"{NOW + timedelta(days=9):%Y-%m-%d}")
    assert "computed" not in again.replace("0 computed", "")
    assert "remembered" in again


def test_it_answers_is_watched_explained_and_rolled_back(credit: Any) -> None:
    with serving(credit) as served:
        rows = [{"fields": {**LOAN, "age": 20 + number}, "reference": f"loan {number}"} for number in range(30)]
        answers = [served.post("/v1/predict", row, at=NOW) for row in rows]
        missing = served.post("/v1/predict", {"fields": {**LOAN, "purpose": None, "status": "never seen"}}, at=NOW)
        schema = json.loads(served.get("/openapi.json"))["components"]["schemas"]
        outcomes = [{"prediction": each["id"], "outcome": place % 3 == 0} for place, each in enumerate(answers)]
        assert served.post("/v1/outcomes", {"outcomes": outcomes}, at=NOW + timedelta(days=1)) == {"accepted": 30}
    assert len({each["version"] for each in answers}) == 2  # a canary is on
    assert 0 < missing["score"] < 1
    assert "credit_amount" in json.dumps(schema)
    assert credit.document("watch", "--once")["errors"] == []
    parity = credit.document("parity")
    assert (parity["ok"], parity["differences"]) == (True, 0), parity
    walk = credit.document("why", answers[0]["id"])
    assert walk["prediction"]["happened"] is not None
    told = credit.kreis("why", answers[0]["id"])
    assert "Will this loan go bad?" in told
    assert "1970" not in told
    assert "credit.csv" in told or "rows" in told
    credit.kreis("rollback", "--reason", "tried out")
    assert credit.document("status")["release"]["routes"][0]["share"] == 1.0


def test_a_changed_file_is_another_table(credit: Any) -> None:
    changed = loans(1_200).with_columns(pl.col("credit amount") + pl.int_range(pl.len()) % 2)
    changed.write_csv(credit.folder / "credit.csv", separator=";")
    told = credit.kreis("run", "--until", "collection", "--as-of", f"{NOW + timedelta(days=10):%Y-%m-%d}")
    assert "1,200 rows from 1 source, 0 set aside in quarantine" in told
    assert "no longer given by the source; they are gone with it" in told
    assert "late" not in told
    assert "all of it, where it has changed; changed rows: replace" in credit.kreis("show", "source", "rows")
