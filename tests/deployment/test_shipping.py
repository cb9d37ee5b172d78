"""Shipping: from the journal into the lake exactly once, whatever crashes in between."""

import contextlib
import json
import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.predictions import frames, shipping
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import FailureRecord, OutcomeRecord, PredictionRecord, ShadowScore
from kreis.deployment.predictions.shipping import (
    FAILURES,
    OUTCOMES,
    PREDICTIONS,
    QUARANTINE,
    Shipped,
    inspect_log,
    ship,
)
from kreis.digests import digest_of
from kreis.errors import CorruptionError, StoreError
from kreis.identifiers import new_id
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
    return journal.path


def ids(lake):
    return sorted(lake.scan(PREDICTIONS).collect()["id"])


def test_ship_moves_closed_segments(folder, lake):
    write(folder, *map(prediction, range(3)), OUTCOME)
    write(folder, prediction(3))
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.outcomes, moved.segments, moved.torn, moved.damaged) == (4, 1, 2, 0, [])
    assert (moved.unclosed, moved.warnings) == ([], [])
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


def test_each_day_goes_into_files_of_its_own(folder, lake):
    day = 86_400_000_000
    late = [msgspec.structs.replace(prediction(number), at=prediction(0).at + number * day) for number in (1, 0, 1)]
    write(
        folder, *late, OUTCOME, FailureRecord(at=prediction(0).at, route="/v1/predict", status=500, code="x", count=1)
    )
    ship(folder, lake, "tester")
    kept = {name: [file.day for file in lake.latest(name).added] for name in (PREDICTIONS, OUTCOMES, FAILURES)}
    assert kept == {
        PREDICTIONS: ["2013-05-02", "2013-05-01"],
        OUTCOMES: ["2013-05-01"],
        FAILURES: ["2013-05-01"],
    }


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


def test_outcomes_of_several_workers_are_in_the_order_in_which_they_were_sent(folder, lake):
    workers = [Journal(folder, CLOCK), Journal(folder, CLOCK)]
    for received, worker in ((1, 1), (2, 0), (3, 0), (4, 1)):
        sent = OutcomeRecord(outcome=0.0, known_at=OUTCOME.known_at, reference=f"flight-{received}", received=received)
        workers[worker].append([sent])
    for each in workers:
        each.close()
    ship(folder, lake, "ann")
    assert lake.scan(OUTCOMES).collect()["reference"].to_list() == [f"flight-{number}" for number in (1, 2, 3, 4)]


def test_nothing_to_ship_is_no_error(folder, lake):
    assert ship(folder, lake, "tester").segments == 0


def test_rows_of_several_widths_are_one_column():
    rows = [[1.0, None], [2.0, 3.0], [4.0]]
    for some in (rows, rows[:2], rows[:1], []):
        column = frames._features(some)
        assert (column.to_list(), column.dtype) == (some, pl.List(pl.Float64))


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", range(1, 17))
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


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    return bytes(data)


def segment_of(folder):
    (path,) = folder.glob("*.log")
    return path


def test_a_damaged_segment_gives_what_is_whole_and_is_set_aside(folder, lake):
    write(folder, *map(prediction, range(5)))
    damaged = segment_of(folder)
    length = 8 + int.from_bytes(damaged.read_bytes()[8:12], "little")
    data = flip(damaged, 8 + 2 * length + 40)
    write(folder, prediction(7))
    moved = ship(folder, lake, "tester")
    assert ids(lake) == ["p0", "p1", "p3", "p4", "p7"]
    (found,) = moved.damaged
    assert found.path.read_bytes() == data
    assert f"at byte {8 + 2 * length}" in found.reason
    assert [path.name for path in folder.glob("*.log*")] == [found.path.name]
    assert ship(folder, lake, "tester") == Shipped()
    assert [path for path, _ in inspect_log(folder)] == [found.path]


def test_a_segment_cut_at_the_end_of_a_frame_is_seen(folder, lake):
    write(folder, *map(prediction, range(3)))
    path = segment_of(folder)
    data = path.read_bytes()
    length = 8 + int.from_bytes(data[8:12], "little")
    path.write_bytes(data[: 8 + 2 * length])
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.torn, moved.damaged) == (2, 0, [])
    assert "no closing frame" in moved.unclosed[0].reason
    assert path.name in moved.warnings[0]


def test_a_torn_tail_is_dropped_and_counted(folder, lake):
    journal = Journal(folder, CLOCK)
    journal.append([prediction(number) for number in range(3)])
    journal.path.write_bytes(journal.path.read_bytes()[:-5])
    os.close(journal._handle)
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.torn > 0, len(moved.unclosed)) == (2, True, 1)


def test_a_removed_segment_is_restored_from_its_second_name(folder, lake):
    write(folder, prediction(1))
    segment_of(folder).unlink()
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, ids(lake)) == (1, ["p1"])
    assert "restored" in moved.damaged[0].reason
    assert [path.name for path in folder.iterdir()] == ["shipping.lock"]


def test_a_pipe_or_a_folder_as_segment_is_set_aside_and_never_waited_for(folder, lake):
    write(folder, prediction(1))
    os.mkfifo(folder / "0a.log")
    (folder / "0b.log").mkdir()
    moved = ship(folder, lake, "tester")
    assert ids(lake) == ["p1"]
    assert [each.reason for each in moved.damaged] == ["it is not a regular file"] * 2


def test_an_unusable_record_is_quarantined_and_blocks_nothing(folder, lake):
    absurd = microseconds(datetime.max.replace(tzinfo=UTC)) + 86_400_000_000
    write(folder, OUTCOME, OutcomeRecord(outcome=1.0, known_at=absurd, reference="x"), prediction(1))
    moved = ship(folder, lake, "tester")
    assert (moved.outcomes, moved.quarantined, ids(lake)) == (1, 1, ["p1"])
    row = lake.scan(QUARANTINE).collect().row(0, named=True)
    assert (row["kind"], json.loads(row["record"])[2]) == ("outcomes", absurd)
    assert "years 1970 to 9999" in row["reason"]
    assert QUARANTINE in moved.warnings[-1]


def test_an_outcome_from_before_its_prediction_is_quarantined(folder, lake):
    asked = 1_367_366_400_000_000
    write(folder, *(OutcomeRecord(outcome=1.0, known_at=asked + each, prediction=new_id(asked)) for each in (-1, 0)))
    moved = ship(folder, lake, "tester")
    assert (moved.outcomes, moved.quarantined) == (1, 1)
    assert lake.scan(QUARANTINE).collect()["reason"].item() == "it was known before its prediction was asked"


def test_failures_are_shipped(folder, lake):
    write(folder, FailureRecord(at=prediction(0).at, route="/v1/predict", status=503, code="unavailable", count=3))
    assert ship(folder, lake, "tester").failures == 3
    assert lake.scan(FAILURES).collect().row(0, named=True) == {
        "at": datetime(2013, 5, 1, tzinfo=UTC),
        "route": "/v1/predict",
        "status": 503,
        "code": "unavailable",
        "count": 3,
    }


def test_the_log_of_an_earlier_version_takes_the_new_columns(folder, lake):
    old = frames.predictions_frame([prediction(0)]).drop("extra", "flags")
    lake.append(PREDICTIONS, old, step="old", actor="t", reason="t")
    write(folder, msgspec.structs.replace(prediction(1), extra={"b": None}, flags=["hour: missing"]))
    ship(folder, lake, "tester")
    rows = lake.scan(PREDICTIONS).sort("id").collect()
    assert rows["extra"].to_list() == [None, '{"b":null}']
    assert rows["flags"].to_list() == [None, ["hour: missing"]]


def interrupted(folder, lake, monkeypatch, at):
    """Two segments of which a shipper died: before its appends, between them, or before it deleted anything."""
    segments = [write(folder, prediction(1), OUTCOME), write(folder, prediction(2))]
    calls = iter(range(10))
    real = lake.append

    def append(*args, **kwargs):
        if next(calls) == at:
            raise Crash
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(lake, "append", append)
        if at == 2:
            patch.setattr(shipping._Shipper, "_clear", append)
        with pytest.raises(Crash):
            ship(folder, lake, "tester")
    return segments


def remove(path):
    """Both of its names."""
    path.unlink()
    path.with_suffix(".twin").unlink()


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_missing_segment_never_lets_the_others_be_deleted_unshipped(folder, lake, monkeypatch, at):
    first, second = interrupted(folder, lake, monkeypatch, at)
    remove(second)
    moved = ship(folder, lake, "tester")
    assert ids(lake) == (["p1"] if at == 0 else ["p1", "p2"])
    assert lake.scan(OUTCOMES).collect()["reference"].to_list() == ["flight-1"]
    gone = [each.path for each in moved.damaged]
    assert gone == ([] if at == 2 else [second])  # at 2 the lake has all: it was deleted by the shipper
    assert not first.exists()
    assert ship(folder, lake, "tester") == Shipped()


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_segment_that_changed_after_its_plan_is_not_shipped_under_its_name(folder, lake, monkeypatch, at):
    first, second = interrupted(folder, lake, monkeypatch, at)
    flip(second, 60)
    moved = ship(folder, lake, "tester")
    assert ids(lake) == (["p1"] if at == 0 else ["p1", "p2"])
    assert lake.scan(OUTCOMES).collect()["reference"].to_list() == ["flight-1"]
    assert [each.path.name for each in moved.damaged] == [f"{second.name}.damaged"]
    assert not first.exists()


@pytest.mark.parametrize("at", [0, 1, 2])
def test_another_segment_under_a_planned_name_is_not_deleted_as_shipped(folder, lake, monkeypatch, tmp_path, at):
    _, second = interrupted(folder, lake, monkeypatch, at)
    other = write(tmp_path / "other", prediction(3)).read_bytes()
    second.write_bytes(other)
    moved = ship(folder, lake, "tester")
    if at == 0:  # nothing was moved yet: it is what there is
        assert (ids(lake), moved.damaged) == (["p1", "p3"], [])
    else:
        assert ids(lake) == ["p1", "p2"]
        (aside,) = moved.damaged
        assert aside.path.read_bytes() == other


@pytest.mark.parametrize("how", ["flip", "cut", "remove", "pipe"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_damaged_plan_is_replaced_by_its_copy(folder, lake, monkeypatch, at, how):
    interrupted(folder, lake, monkeypatch, at)
    harm(folder / "shipping.json", how)
    problems = [path.name for path, _ in inspect_log(folder)]
    moved = ship(folder, lake, "tester")
    assert ids(lake) == ["p1", "p2"]
    assert len(lake.scan(OUTCOMES).collect()) == 1
    assert problems == ([] if how == "remove" else ["shipping.json"])
    assert [each.path.name for each in moved.damaged] == ([] if how == "remove" else ["shipping.json.damaged"])


def harm(path, how):
    if how == "flip":
        flip(path, 20)
    elif how == "cut":
        os.truncate(path, 30)
    else:
        path.unlink()
        if how == "pipe":
            os.mkfifo(path)


def test_two_damaged_plans_delete_nothing(folder, lake, monkeypatch):
    segments = interrupted(folder, lake, monkeypatch, 1)
    for name in ("shipping.json", "shipping.twin.json"):
        harm(folder / name, "cut")
    for _ in range(2):
        with pytest.raises(CorruptionError, match="no other copy"):
            ship(folder, lake, "tester")
    assert set(folder.glob("*.log")) == set(segments)


def as_of_the_first_version(folder, *segments):
    """Write the plan of an interrupted shipment as versions before 0.2 did: without tables and digest."""
    digests = {path.name: digest_of(path.read_bytes()) for path in segments}
    (folder / "shipping.twin.json").unlink()
    (folder / "shipping.json").write_text(json.dumps({"segments": digests}))


def test_a_plan_of_the_first_version_is_finished(folder, lake, monkeypatch):
    as_of_the_first_version(folder, *interrupted(folder, lake, monkeypatch, 0))
    moved = ship(folder, lake, "tester")
    assert (moved.predictions, moved.damaged, ids(lake)) == (2, [], ["p1", "p2"])


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_plan_of_the_first_version_asks_the_lake_for_what_is_missing(folder, lake, monkeypatch, at, missing):
    segments = interrupted(folder, lake, monkeypatch, at)
    as_of_the_first_version(folder, *segments)
    for each in segments[2 - missing :]:
        remove(each)
    moved = ship(folder, lake, "tester")
    outcomes = 0 if lake.latest(OUTCOMES) is None else len(lake.scan(OUTCOMES).collect())
    if at == 0:  # nothing is in the lake: what is gone is told, what is there is moved
        assert [each.path for each in moved.damaged] == segments[2 - missing :]
        assert (lake.latest(PREDICTIONS) is None) == (missing == 2)
        assert missing == 2 or (ids(lake), outcomes) == (["p1"], 1)
    else:  # the first segment's outcome, not moved at 1, is moved as long as the segment is there
        assert ids(lake) == ["p1", "p2"]
        assert outcomes == (1 if at == 2 or missing == 1 else 0)
    assert list(folder.glob("*.log")) == []
    assert ship(folder, lake, "tester") == Shipped()


def test_a_backlog_is_moved_in_bounded_parts(folder, lake, monkeypatch):
    """The peak of memory is that of one part, however much waits."""
    many = [prediction(number) for number in range(200)]

    def peak(parts):
        for number in range(parts):
            write(folder, *(msgspec.structs.replace(each, id=f"{parts}-{number}-{each.id}") for each in many))
        tracemalloc.start()
        moved = ship(folder, lake, "tester")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert moved.predictions == parts * len(many)
        return found

    monkeypatch.setattr(shipping, "_BYTES", 50_000)
    peak(2)
    assert peak(16) < 1.5 * peak(2)


def test_two_shippers_do_not_meet(folder, lake):
    write(folder, prediction(1))
    with shipping._only_one(folder), pytest.raises(StoreError, match="another process"):
        ship(folder, lake, "tester")
