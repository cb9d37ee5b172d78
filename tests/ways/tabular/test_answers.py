"""Outcomes that only the service was told are rows to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.predictions.frames import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.errors import ProjectError
from kreis.loop.machine import RunResult
from kreis.workspace import Workspace

T0 = datetime(2025, 8, 15, tzinfo=UTC)
DAY = timedelta(days=1)

DECLARED = """
project.answers(keys=["customer"], fields={"amount": "number", "category": "string", "gift": "boolean"})


@project.table(layer="silver")
def answered(answers: pl.LazyFrame) -> pl.LazyFrame:
    return answers.filter(pl.col("decision") | (pl.col("amount") > 0))


project.split("""


@pytest.fixture
def workspace(shop: Any) -> Iterator[Workspace]:
    shop.edit("\nproject.split(", DECLARED)
    made = Workspace(shop.folder, clock=SimulatedClock(T0 + 30 * DAY))
    yield made
    made.ledger.close()


def asked(number: int, day: float) -> PredictionRecord:
    return PredictionRecord(
        id=f"p{number}", at=microseconds(T0 + day * DAY), release="r", model="m", keys={"customer": f"c00{number}"},
        fields={"amount": 10 + number, "category": "it's \"new\"", "gift": None}, features=[0.5], score=0.4,
        decision=True, latency_us=5, reference=f"o{number}",
    )  # fmt: skip


def told(day: float, outcome: float, **of: str) -> OutcomeRecord:
    return OutcomeRecord(outcome=outcome, known_at=microseconds(T0 + day * DAY), **of)


def log(workspace: Workspace, predictions: list[PredictionRecord], outcomes: list[OutcomeRecord], step: str) -> None:
    by = {"actor": "test", "reason": "shipped"}
    if predictions:
        workspace.lake.append(PREDICTIONS, predictions_frame(predictions), step=f"p{step}", **by)
    if outcomes:
        workspace.lake.append(OUTCOMES, outcomes_frame(outcomes), step=f"o{step}", **by)


def run(workspace: Workspace, day: float) -> RunResult:
    workspace.clock.advance(workspace.clock.now() + timedelta(minutes=1))  # type: ignore[attr-defined]
    return run_circle(workspace.load_project(), workspace, as_of=T0 + day * DAY, until="preparation")


def answered(workspace: Workspace) -> dict[str, float]:
    rows = workspace.lake.scan("silver/answered").select("prediction", "outcome").sort("prediction").collect()
    return dict(rows.iter_rows())


def test_outcomes_that_were_sent_become_rows_with_what_was_asked(workspace: Workspace) -> None:
    run(workspace, -5)
    assert answered(workspace) == {}
    log(workspace, [asked(1, -4), asked(2, -4), asked(3, -4)], [told(-1, 1.0, prediction="p1")], "1")
    log(workspace, [], [told(-1, 0.0, reference="o2"), told(9, 1.0, prediction="p3")], "2")
    run(workspace, 0)
    assert answered(workspace) == {"p1": 1.0, "p2": 0.0}
    (row,) = workspace.lake.scan("silver/answered").filter(pl.col("prediction") == "p2").collect().to_dicts()
    assert row == {
        "prediction": "p2", "reference": "o2", "asked_at": T0 - 4 * DAY, "model": "m", "score": 0.4, "decision": True,
        "outcome": 0.0, "known_at": T0 - DAY, "customer": "c002", "amount": 12.0, "category": "it's \"new\"",
        "gift": None,
    }  # fmt: skip


def test_an_outcome_that_comes_late_or_is_corrected_is_taken_in(workspace: Workspace) -> None:
    log(workspace, [asked(1, -40), asked(2, -40)], [told(-1, 1.0, prediction="p1")], "1")
    run(workspace, 0)
    log(workspace, [], [told(-30, 0.0, reference="o2"), told(0.5, 0.0, prediction="p1")], "2")
    result = run(workspace, 1)
    assert answered(workspace) == {"p1": 0.0, "p2": 0.0}
    report = result.state.sources["answers"].output.report
    assert (report.late, report.corrected) == (1, 1)
    assert run(workspace, 1).computed == 0


def test_a_field_named_like_a_column_of_all_answers_is_refused(workspace: Workspace, shop: Any) -> None:
    shop.edit('"gift": "boolean"', '"score": "number"')
    with pytest.raises(ProjectError, match="two columns 'score'"):
        workspace.load_project()
