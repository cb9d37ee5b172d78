"""Shipping: from the journal into the lake exactly once, whatever crashes in between."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.predictions import shipping
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord, ShadowScore
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS, ship
from kreis.errors import StoreError
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

CLOCK = SimulatedClock(datetime(2013, 5, 1, tzinfo=UTC))


def prediction(number):
    return PredictionRecord(
        id=f"p{number}", at=1_367_366_400_000_000, release="r1", model="m", keys={"carrier": "UA"},
        fields={"hour": 7}, features=[1.5, None], score=0.25, decision=False, latency_us=120,
        reference=f"flight-{number}", shadow=[ShadowScore("n", 0.5, True)],
    )  # fmt: skip


OUTCOME = OutcomeRecord(outcome=1.0, known_at=1_367_366_400_000_001, reference="flight-1")


@pytest.fixture
def lake(tmp_path):
    with open_ledger(tmp_path / "ledger.db", clock=CLOCK) as ledger:
        yield Lake(tmp_path / "lake", ledger)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log"


def write(folder, *records):
    journal = Journal(folder, CLOCK)
    journal.append(records)
    journal.close()


def ids(lake):
    return sorted(lake.scan(PREDICTIONS).collect()["id"])


def test_ship_moves_closed_segments(folder, lake):
    write(folder, *map(prediction, range(3)), OUTCOME)
    write(folder, prediction(3))
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.outcomes, moved.segments, moved.torn, moved.damaged) == (4, 1, 2, 0, [])
    assert list(folder.glob("*.log")) == []
    rows = lake.scan(PREDICTIONS).sort("id").collect()
    row = rows.row(0, named=True)
    assert row["at"] == datetime(2013, 5, 1, tzinfo=UTC)
    assert row["features"] == [1.5, None]
    assert (json.loads(row["keys"]), json.loads(row["shadow"])) == ({"carrier": "UA"}, [["n", 0.5, True]])
    assert rows.schema["features"] == pl.List(pl.Float64)
    assert lake.scan(OUTCOMES).collect()["reference"].to_list() == ["flight-1"]
    assert microseconds(lake.latest(PREDICTIONS).known_until) == prediction(0).at
    assert microseconds(lake.latest(OUTCOMES).known_until) == OUTCOME.known_at


def test_the_segment_in_use_stays(folder, lake):
    journal = Journal(folder, CLOCK)
    journal.append_one(prediction(1))
    assert ship(folder, lake, "tester").segments == 0
    journal.rotate()
    journal.append_one(prediction(2))
    assert ship(folder, lake, "tester").predictions == 1
    journal.close()
    assert ship(folder, lake, "tester").predictions == 1
    assert ids(lake) == ["p1", "p2"]


def test_nothing_to_ship_is_no_error(folder, lake):
    assert ship(folder, lake, "tester").segments == 0


def test_rows_of_several_widths_are_one_column():
    rows = [[1.0, None], [2.0, 3.0], [4.0]]
    for some in (rows, rows[:2], rows[:1], []):
        column = shipping._features(some)
        assert (column.to_list(), column.dtype) == (some, pl.List(pl.Float64))


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", range(1, 9))
def test_a_crash_at_any_step_neither_loses_nor_doubles(folder, lake, monkeypatch, after):
    write(folder, *map(prediction, range(3)), OUTCOME)
    write(folder, prediction(3))
    steps = iter(range(1, 100))

    def counted(real, late):
        def call(*args, **kwargs):
            step = next(steps)
            if step == after and not late:
                raise Crash
            result = real(*args, **kwargs)
            if step == after:
                raise Crash
            return result

        return call

    for late in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(shipping, "write_durably", counted(shipping.write_durably, late))
            patch.setattr(shipping, "fsync_directory", counted(shipping.fsync_directory, late))
            patch.setattr(lake, "append", counted(lake.append, late))
            patch.setattr(Path, "unlink", counted(Path.unlink, late))
            with contextlib.suppress(Crash):
                ship(folder, lake, "tester")
        write(folder, prediction(10 + late))  # the service goes on meanwhile
    ship(folder, lake, "tester")
    assert ids(lake) == ["p0", "p1", "p10", "p11", "p2", "p3"]
    assert len(lake.scan(OUTCOMES).collect()) == 1
    assert list(folder.glob("*.log")) == []


def test_a_refusing_lake_keeps_everything(folder, lake, monkeypatch):
    write(folder, prediction(1))

    def refuse(*args, **kwargs):
        raise StoreError("no space")

    monkeypatch.setattr(lake, "append", refuse)
    with pytest.raises(StoreError, match="no space"):
        ship(folder, lake, "tester")
    monkeypatch.undo()
    assert ship(folder, lake, "tester").predictions == 1


def test_a_damaged_segment_is_set_aside_and_reported(folder, lake):
    write(folder, *map(prediction, range(3)))
    (path,) = folder.glob("*.log")
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    write(folder, prediction(7))
    moved = ship(folder, lake, "tester")
    assert moved.predictions == 1
    (damaged,) = moved.damaged
    assert damaged.path.read_bytes() == data
    assert "byte 8" in damaged.reason
    assert ids(lake) == ["p7"]


def test_a_torn_tail_is_dropped_and_counted(folder, lake):
    write(folder, *map(prediction, range(3)))
    (path,) = folder.glob("*.log")
    path.write_bytes(path.read_bytes()[:-5])
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.torn > 0) == (2, True)


def test_two_shippers_do_not_meet(folder, lake):
    write(folder, prediction(1))
    with shipping._only_one(folder), pytest.raises(StoreError, match="another process"):
        ship(folder, lake, "tester")
