"""Texts of requests: trained on, served, logged, compared in a canary, explained, and the same in all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

from kreis.clock import SimulatedClock
from kreis.ledger import releases
from kreis.project import Project
from kreis.ways.tabular.paired_traffic import read_paired
from kreis.workspace import Workspace

AS_OF = datetime(2025, 8, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.slow

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import (
    BusinessMetric, Canary, DecisionValue, Goal, Logistic, Project, Risk, Rule, TfIdf, TimeSplit,
    Window,
)

project = Project("notes", goal=Goal(
    question="Is this note a complaint?", decision="Call back at once.", risk=Risk.minimal(because="a note"),
    metric=DecisionValue("EUR per 1,000 notes", true_positive=10, false_positive=-4), better_than_baseline=0,
))

@project.source(contract="notes.yaml", known_at="seen")
def notes(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "notes.parquet").filter(window.contains("seen"))

@project.spine(id="note", time="at", keys=["desk"], outcome="angry", outcome_known_at="seen", outcome_within="1d")
def rows(notes: pl.LazyFrame) -> pl.LazyFrame:
    return notes

project.request_view("note", fields={"says": "string", "pages": "number"}, features={
    "words": pl.col("says").cast(pl.String),
    "pages": pl.col("pages"),
    "shouts": pl.col("says").str.contains("!!!", literal=True),
})
project.split(TimeSplit(test="60d"))
project.candidate("rule", Rule((pl.col("note__shouts") > 0.5) & (pl.col("note__pages") > 2)), baseline=True)
project.candidate("chosen", Logistic(), features=["note__pages"])
project.release(Canary(steps=[0.5, 1.0], hold="1d"), fallback="rule")
project.monitor(BusinessMetric())
"""
READS = 'Logistic(), encode={"note__words": TfIdf(words=50)}, features=["note__words", "note__pages"]'

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: notes
version: 1.0.0
schema:
  - name: notes
    properties:
      - {name: note, logicalType: string, primaryKey: true}
      - {name: desk, logicalType: string}
      - {name: says, logicalType: string}
      - {name: pages, logicalType: number}
      - {name: angry, logicalType: boolean}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp, required: true}
"""
WORDS = {True: ["Schaden", "KAPUTT", "refund", "erstattung!!!"], False: ["Danke", "schön", "merci", "thanks"]}


def notes(rows: int = 4_000) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    angry = rng.random(rows) < 0.4
    pages = 1.5 * angry + rng.normal(size=rows)
    says = [
        None
        if rng.random() < 0.05
        else f"{rng.choice(WORDS[bool(each)])} {rng.choice(WORDS[rng.random() < 0.5])} Nr {n}"
        for n, each in enumerate(angry)
    ]
    at = pl.datetime_range(AS_OF - HOUR * (rows - 1), AS_OF, "1h", eager=True, time_zone="UTC")
    frame = pl.DataFrame({"says": says, "pages": pages, "angry": angry, "at": at, "desk": "one"})
    return frame.with_columns(seen=pl.col("at") + 6 * HOUR, note=pl.col("at").dt.strftime("%Y%j-%H"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory, new_shop):
    """A project in service with a model that reads no texts, and a canary beside it that does."""
    like = tmp_path_factory.mktemp("like")
    (like / "kreis.toml").write_text(f'[clock]\nas_of = "{AS_OF:%Y-%m-%d}"\n[training]\nseed = 7\n')
    (like / "notes.yaml").write_text(CONTRACT)
    (like / "project.py").write_text(PROJECT)
    notes().write_parquet(like / "notes.parquet")
    shop = new_shop(tmp_path_factory.mktemp("notes") / "notes", like=like)
    shop.run("run")
    shop.edit('Logistic(), features=["note__pages"]', READS)
    shop.run("run")
    return shop


@pytest.fixture(scope="module")
def answers(desk):
    """Forty notes, asked and answered, one after the other and together."""
    asked = [
        {"fields": {"says": row["says"], "pages": row["pages"]}, "reference": f"r{place}"}
        for place, row in enumerate(notes(60).iter_rows(named=True))
    ]
    asked[0]["fields"]["says"] = "Kaputt! " * 500
    with serving(desk) as served:
        found = [served.post("/v1/predict", each, at=AS_OF) for each in asked[:20]]
        found += served.post("/v1/predict", {"rows": asked[20:]}, at=AS_OF)["predictions"]
        told = served.refusal("/v1/predict", {"fields": {"says": "x" * 20_001, "pages": 1.0}})
        assert "longer than 20000" in told
        happened = [{"prediction": each["id"], "outcome": bool(place % 2)} for place, each in enumerate(found)]
        served.post("/v1/outcomes", {"outcomes": happened}, at=AS_OF + 7 * HOUR)
    assert desk.document("watch", "--once")["errors"] == []
    return found


def test_a_model_of_words_is_better_and_goes_into_a_canary(desk):
    model = desk.document("show", "model", "3")
    assert model["manifest"]["training"]["encode"]["note__words"]["words"] == 50
    assert model["evaluation"]["metrics"]["auc"]["value"] > 0.8


def test_both_models_answer_and_serve_what_training_computes(desk, answers):
    assert {each["version"] for each in answers} == {2, 3}
    found = desk.document("parity")
    assert (found["ok"], found["differences"], found["rows"]) == (True, 0, len(answers)), found


def test_the_canary_compares_decisions_on_the_logged_texts(desk, answers):
    workspace = Workspace(desk.folder, clock=SimulatedClock(AS_OF + timedelta(days=3)))
    project: Project = workspace.load_project()
    with workspace.ledger.read() as connection:
        release = releases.current_release(connection, "notes")
    packages = [workspace.open_model(each.model) for each in release.routes]
    paired = read_paired(project, workspace, tuple(packages), AS_OF - HOUR, AS_OF + timedelta(days=3))
    assert paired.whole == len(answers)
    decided = {each["id"]: each["decision"] for each in answers}
    reading = packages[[bool(each.manifest.text_fields) for each in packages].index(True)]
    again = {
        each["id"]: bool(reading.manifest.decision.one(each["score"]))
        for each in answers
        if each["model"] == reading.digest
    }
    assert again == {each: decided[each] for each in again}
    workspace.ledger.close()


def test_an_answer_shows_the_text_that_it_rested_on(desk, answers):
    mine = [each for each in answers if each["version"] == 3][-1]
    walk = desk.document("why", mine["id"])
    features = {each["name"]: each["value"] for each in walk["features"]}
    assert features["note__words"] == walk["prediction"]["fields"]["says"]
