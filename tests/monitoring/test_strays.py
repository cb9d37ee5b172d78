"""stray_outcomes: outcomes that name no prediction are told, with their number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import polars as pl
import pytest

from kreis.clock import microseconds
from kreis.deployment.predictions.frames import outcomes_frame, predictions_frame
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.monitoring.strays import early_outcomes, stray_outcomes

NOW = datetime(2026, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Log:
    """The log's tables, as the lake gives them."""

    def __init__(self, predictions: list[PredictionRecord], outcomes: list[OutcomeRecord]) -> None:
        tables = {"log/predictions": (predictions, predictions_frame), "log/outcomes": (outcomes, outcomes_frame)}
        self.tables = {name: frame(records) for name, (records, frame) in tables.items() if records}

    def scan(self, table: str, *, known_since: Any = None, known_before: Any = None) -> pl.LazyFrame:
        return self.tables[table].lazy()

    def latest(self, table: str) -> Any:
        return self.tables.get(table)


def asked(name: str, reference: str | None = None) -> PredictionRecord:
    return PredictionRecord(
        id=name, at=microseconds(NOW - HOUR), release="r", model="m", keys={}, fields={}, features=[1.0], score=0.5,
        decision=True, latency_us=1, reference=reference,
    )  # fmt: skip


def happened(prediction: str | None = None, reference: str | None = None, at: datetime = NOW) -> OutcomeRecord:
    return OutcomeRecord(prediction=prediction, reference=reference, outcome=1.0, known_at=microseconds(at))


@pytest.mark.parametrize(
    "outcomes", [[], [happened("a")], [happened(reference="order 1")], [happened("a"), happened(reference="order 1")]]
)
def test_outcomes_that_name_a_prediction_are_not_told(outcomes: list[OutcomeRecord]) -> None:
    assert stray_outcomes(Log([asked("a"), asked("b", "order 1")], outcomes), NOW, HOUR) is None


@pytest.mark.parametrize("stray", [happened("b"), happened(reference="a"), happened(reference="order 2")])
def test_an_outcome_that_names_none_is_told_with_its_name(stray: OutcomeRecord) -> None:
    said = stray_outcomes(Log([asked("a", "order 1")], [happened("a"), stray]), NOW, HOUR)
    assert said is not None
    assert said.startswith("1 of the 2 outcomes")
    assert repr(stray.prediction or stray.reference) in said


def test_without_any_prediction_all_are_stray() -> None:
    assert (stray_outcomes(Log([], [happened("a")]), NOW, HOUR) or "").startswith("1 of the 1 outcome")


@pytest.mark.parametrize(("at", "early"), [(NOW - HOUR, False), (NOW - HOUR - timedelta(microseconds=1), True)])
def test_an_outcome_from_before_its_prediction_is_told_with_both_moments(at: datetime, early: bool) -> None:
    said = early_outcomes(Log([asked("a", "order 1")], [happened(reference="order 1", at=at)]), NOW, HOUR)
    assert (said is not None) is early
    if said is not None:
        assert said.startswith("1 of the 1 outcome")
        assert "'order 1', known at 2026-03-09 22:59:59, asked at 2026-03-09 23:00:00 UTC" in said


def test_an_outcome_from_before_a_second_question_belongs_to_the_first() -> None:
    again = msgspec.structs.replace(asked("b", "order 1"), at=microseconds(NOW))
    log = Log([asked("a", "order 1"), again], [happened(reference="order 1", at=NOW - HOUR / 2)])
    assert early_outcomes(log, NOW, HOUR) is None
