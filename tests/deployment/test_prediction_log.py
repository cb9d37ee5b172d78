"""What every prediction log does: one behaviour suite over a folder and over a toy in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from kreis.clock import Clock, SimulatedClock
from kreis.deployment.predictions.frames import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.predictions.log import FolderLog, PredictionLog, RecordWriter
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord, Record
from kreis.deployment.predictions.shipping import Shipped, TableAppender
from kreis.errors import StoreError

CLOCK = SimulatedClock(datetime(2025, 1, 1, tzinfo=UTC))


class Tables:
    """A lake in memory that takes each step key once; while it is `full` it takes nothing."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], pl.DataFrame] = {}
        self.full = False

    def append(self, table: str, frame: pl.DataFrame, *, step: str, **_: Any) -> None:
        if self.full:
            raise StoreError("the lake is full")
        self.steps.setdefault((table, step), frame)

    def holds(self, table: str, step: str) -> bool:
        return (table, step) in self.steps

    def ids(self) -> list[str]:
        return [each for (table, _), frame in self.steps.items() if table == PREDICTIONS for each in frame["id"]]


class ToyWriter:
    """Holds records back until it rotates."""

    def __init__(self, toy: ToyLog) -> None:
        self._toy, self._held = toy, list[Record]()
        self.where, self.written = "toy", 0
        toy.writers.append(self)

    @property
    def held(self) -> bool:
        return bool(self._held)

    def append(self, records: Sequence[Record]) -> None:
        self._held += records
        self.written += sum(len(msgspec.msgpack.encode(each)) for each in records)

    def append_one(self, record: PredictionRecord) -> None:
        self.append([record])

    def tick(self) -> None:
        pass

    def rotate(self) -> object:
        moved, self._held = self._held, []
        self._toy.waiting += moved
        return moved or None

    def sync(self) -> None:
        pass

    def abandon(self, unkept: Sequence[str]) -> None:
        self._held = [each for each in self._held if getattr(each, "id", "") not in unkept]

    def close(self) -> None:
        self.rotate()
        self._toy.writers.remove(self)


class ToyLog:
    """A `PredictionLog` in memory."""

    where = "toy"

    def __init__(self) -> None:
        self.writers: list[ToyWriter] = []
        self.waiting: list[Record] = []
        self._batch = 0

    def writer(self, clock: Clock, **_: Any) -> RecordWriter:
        return ToyWriter(self)

    def in_use(self) -> bool:
        return any(each.held for each in self.writers)

    def find(self, prediction: str) -> PredictionRecord | None:
        found = [each for each in self.waiting if isinstance(each, PredictionRecord) and each.id == prediction]
        return found[0] if found else None

    def ship(self, lake: TableAppender, actor: str) -> Shipped:
        predictions = [each for each in self.waiting if isinstance(each, PredictionRecord)]
        outcomes = [each for each in self.waiting if isinstance(each, OutcomeRecord)]
        for table, rows, frame in (
            (PREDICTIONS, predictions, predictions_frame),
            (OUTCOMES, outcomes, outcomes_frame),
        ):
            if rows:
                lake.append(
                    table,
                    frame(rows),  # type: ignore[operator]
                    step=f"{self._batch}",
                    actor=actor,
                    reason="",
                    known_until=CLOCK.now(),
                    evolve=True,
                    day_of=None,
                )
        self._batch += 1
        self.waiting = []
        return Shipped(predictions=len(predictions), outcomes=len(outcomes))

    def inspect(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def holding(self, value: str) -> list[str]:
        return ["toy"] if value in repr(self.waiting) else []

    def forget(self, value: str) -> None:
        pass


@pytest.fixture(params=["folder", "toy"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> PredictionLog:
    return FolderLog(tmp_path / "journal") if request.param == "folder" else ToyLog()


def prediction(number: int) -> PredictionRecord:
    return PredictionRecord(
        id=f"0198ab06-b400-7000-8000-{number:012x}",
        at=1_735_700_000_000_000 + number,
        release="r",
        model="m",
        keys={"who": f"entity {number}"},
        fields={},
        features=[1.0, None],
        score=0.25,
        decision=False,
        latency_us=100,
    )


def outcome(number: int) -> OutcomeRecord:
    return OutcomeRecord(outcome=1.0, known_at=1_760_000_000_000_000, prediction=prediction(number).id)


def test_moves_what_was_let_go_once(log: PredictionLog) -> None:
    lake, writer = Tables(), log.writer(CLOCK)
    writer.append_one(prediction(1))
    writer.append([prediction(2), outcome(1)])
    assert writer.written > 0
    assert writer.rotate() is not None
    moved = log.ship(lake, "ann")
    assert (moved.predictions, moved.outcomes) == (2, 1)
    assert log.ship(lake, "ann").predictions == 0
    assert lake.ids() == [prediction(1).id, prediction(2).id]


def test_leaves_what_a_writer_holds_back(log: PredictionLog) -> None:
    lake, writer = Tables(), log.writer(CLOCK)
    assert not log.in_use()
    writer.append_one(prediction(1))
    assert log.in_use()
    assert log.ship(lake, "ann").predictions == 0
    writer.close()
    assert not log.in_use()
    assert log.ship(lake, "ann").predictions == 1


def test_keeps_everything_while_the_lake_takes_nothing(log: PredictionLog) -> None:
    lake, writer = Tables(), log.writer(CLOCK)
    writer.append_one(prediction(1))
    writer.close()
    lake.full = True
    with pytest.raises(StoreError):
        log.ship(lake, "ann")
    lake.full = False
    log.ship(lake, "ann")
    assert lake.ids() == [prediction(1).id]


def test_finds_a_prediction_until_it_is_moved(log: PredictionLog) -> None:
    writer = log.writer(CLOCK)
    writer.append([prediction(1), prediction(2)])
    writer.rotate()
    assert log.find(prediction(2).id) == prediction(2)
    assert log.find(prediction(3).id) is None
    assert log.holding("entity 1")
    log.ship(Tables(), "ann")
    assert log.find(prediction(2).id) is None
    assert not log.holding("entity 1")


def test_several_writers_share_it(log: PredictionLog) -> None:
    lake, writers = Tables(), [log.writer(CLOCK), log.writer(CLOCK)]
    for number, writer in enumerate(writers):
        writer.append_one(prediction(number))
        writer.sync()
    for writer in writers:
        writer.close()
    assert log.ship(lake, "ann").predictions == 2
    assert list(log.inspect()) == []


def test_says_nothing_of_an_empty_writer(log: PredictionLog) -> None:
    writer = log.writer(CLOCK)
    assert writer.rotate() is None
    writer.close()
    assert log.ship(Tables(), "ann").predictions == 0
