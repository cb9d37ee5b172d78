"""The journal: what is appended is read back; what is torn or changed is told apart."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.clock import SimulatedClock
from kreis.deployment.predictions.journal import HEADER, MAGIC, Journal
from kreis.deployment.predictions.reader import closed_segments, inspect_journal, parse_segment
from kreis.deployment.predictions.records import (
    FailureRecord,
    OutcomeRecord,
    PredictionRecord,
    ShadowScore,
    WithdrawnRecord,
)
from kreis.deployment.predictions.sync import GroupSync
from kreis.errors import StoreError

CLOCK = SimulatedClock(datetime(2013, 5, 1, tzinfo=UTC))


def prediction(number, **changes):
    given = {
        "id": f"p{number}",
        "at": 1_367_366_400_000_000 + number,
        "release": "r1",
        "model": "m" * 64,
        "keys": {"carrier": "UA"},
        "fields": {"hour": 7, "note": None},
        "features": [1.5, None, float(number)],
        "score": 0.25,
        "decision": False,
        "latency_us": 120,
        "reference": f"flight-{number}",
        "shadow": [ShadowScore("n" * 64, 0.5, True)],
        **changes,
    }
    return PredictionRecord(**given)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "log", CLOCK)
    yield journal
    journal.close()


def test_append_then_read_gives_the_same_records(journal):
    records = [prediction(number) for number in range(20)]
    outcome = OutcomeRecord(outcome=1.0, known_at=5, reference="flight-3")
    journal.append([*records[:10], outcome])
    for record in records[10:]:
        journal.append_one(record)
    segment = parse_segment(journal.path, journal.path.read_bytes())
    assert (segment.predictions, segment.outcomes, segment.torn) == (records, [outcome], 0)


def test_the_segment_in_use_is_not_given_away(journal):
    journal.append_one(prediction(1))
    with closed_segments(journal.folder, 10, 2**20) as paths:
        assert paths == []
    closed = journal.rotate()
    with closed_segments(journal.folder, 10, 2**20) as paths:
        assert paths == [closed]
    assert journal.rotate() is None


def test_rotation_by_size_and_age(tmp_path):
    clock = SimulatedClock(datetime(2013, 5, 1, tzinfo=UTC))
    journal = Journal(tmp_path, clock, segment_bytes=1_000, segment_seconds=60)
    for number in range(20):
        journal.append_one(prediction(number))
    by_size = len(list(tmp_path.glob("*.log")))
    assert by_size > 3
    journal.tick()
    assert len(list(tmp_path.glob("*.log"))) == by_size
    clock.advance(datetime(2013, 5, 1, 0, 2, tzinfo=UTC))
    journal.tick()
    assert len(list(tmp_path.glob("*.log"))) == by_size + 1
    journal.close()
    read = [parse_segment(path, path.read_bytes()) for path in tmp_path.glob("*.log")]
    assert {record.id for segment in read for record in segment.predictions} == {f"p{n}" for n in range(20)}


def whole(journal, count=5):
    journal.append([prediction(number) for number in range(count)])
    return journal.path.read_bytes()


def test_every_truncation_is_a_torn_tail_and_loses_only_the_last_record(journal):
    data = whole(journal)
    counts = set()
    for end in range(len(data)):
        segment = parse_segment(journal.path, data[:end])
        assert [record.id for record in segment.predictions] == [f"p{n}" for n in range(len(segment.predictions))]
        counts.add(len(segment.predictions))
    assert counts == {0, 1, 2, 3, 4}


def test_every_changed_bit_is_reported_with_file_and_offset(journal):
    data = whole(journal)
    for place in range(len(data)):
        for bit in (0, 3, 7):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            segment = parse_segment(journal.path, bytes(changed))
            assert segment.damage is not None, (place, bit)
            assert re.search(r"at byte \d+", segment.damage)
            assert len(segment.predictions) >= 4, (place, bit)  # damage costs the record that it hits, no other


def closed(folder, count=5):
    journal = Journal(folder, CLOCK)
    journal.append([prediction(number) for number in range(count)])
    journal.close()
    return journal.path


def test_a_closed_segment_says_so_and_any_cut_is_seen(tmp_path):
    path = closed(tmp_path)
    data = path.read_bytes()
    whole = parse_segment(path, data)
    assert (whole.closed, whole.damage, whole.torn) == (True, None, 0)
    for end in range(len(data)):
        assert not parse_segment(path, data[:end]).closed, end


def test_every_changed_bit_of_a_closed_segment_is_reported(tmp_path):
    path = closed(tmp_path, 2)
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            assert parse_segment(path, bytes(changed)).damage is not None, (place, bit)


def test_a_frame_taken_out_of_the_middle_is_seen(tmp_path):
    path = closed(tmp_path, 3)
    data = path.read_bytes()
    length = HEADER.size + HEADER.unpack_from(data, len(MAGIC))[0]
    segment = parse_segment(path, data[: len(MAGIC)] + data[len(MAGIC) + length :])
    assert segment.damage is not None
    assert [each.id for each in segment.predictions] == ["p1", "p2"]


OLD = bytes.fromhex(
    "4b52454953504c3154000000d0ca1dbf9da170a27031cf0004db9ccc8cc000a27231a16d81a763617272696572a2554181a4686f757207"
    "92cb3ff8000000000000c0cb3fd0000000000000c278a8666c696768742d319193a16ecb3fe0000000000000c31f00000079c34fc595a1"
    "6fcb3ff0000000000000cf0004db9ccc8cc001c0a8666c696768742d31"
)
"""A segment as version 0.1.0 wrote it: one prediction, one outcome, no closing frame."""


def test_a_segment_of_the_first_format_is_read(tmp_path):
    segment = parse_segment(tmp_path / "old.log", OLD)
    (record,), (outcome,) = segment.predictions, segment.outcomes
    assert (record.id, record.reference, record.shadow) == ("p1", "flight-1", [ShadowScore("n", 0.5, True)])
    assert (record.extra, record.flags) == ({}, [])
    assert (outcome.outcome, outcome.reference) == (1.0, "flight-1")
    assert (segment.closed, segment.damage, segment.torn) == (True, None, 0)
    for cut in (1, 30, 60):
        assert not parse_segment(tmp_path / "old.log", OLD[:-cut]).closed


def test_the_folder_is_inspected_without_a_change(tmp_path):
    paths = [closed(tmp_path) for _ in range(5)]
    live = Journal(tmp_path, CLOCK)
    live.append_one(prediction(9))
    assert list(inspect_journal(tmp_path)) == []
    flipped, cut, gone, pipe, _ = sorted(paths)
    data = bytearray(flipped.read_bytes())
    data[100] ^= 4
    flipped.write_bytes(data)
    os.truncate(cut, cut.stat().st_size - 20)
    gone.unlink()
    pipe.unlink()
    os.mkfifo(pipe)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    found = dict(inspect_journal(tmp_path))
    assert set(found) == {flipped, cut, gone, pipe}
    assert "checksum" in found[flipped]
    assert "no closing frame" in found[cut]
    assert "gone" in found[gone]
    assert "not a regular file" in found[pipe]
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    live.close()


def test_failures_and_withdrawals_are_read_back(journal):
    failure = FailureRecord(at=5, route="/v1/predict", status=503, code="unavailable", count=3)
    journal.append([prediction(1), prediction(2), failure, WithdrawnRecord(ids=["p1"])])
    segment = parse_segment(journal.path, journal.path.read_bytes())
    assert ([each.id for each in segment.predictions], segment.failures) == (["p2"], [failure])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(journal, data):
    for each in (data, b"KREISPL1" + data, b"KREISPL2" + data):
        parse_segment(journal.path, each)


def test_a_crashed_writers_segment_is_given_away(tmp_path):
    program = (
        "import sys, os; from kreis.deployment.predictions.journal import Journal; from kreis.clock import SystemClock;"
        "from kreis.deployment.predictions.records import OutcomeRecord; from pathlib import Path;"
        "journal = Journal(Path(sys.argv[1]), SystemClock());"
        "journal.append([OutcomeRecord(outcome=1.0, known_at=1)]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=30)
    with closed_segments(tmp_path, 10, 2**20) as paths:
        assert [len(parse_segment(path, path.read_bytes()).outcomes) for path in paths] == [1]


def test_group_sync_answers_all_who_wait(journal):
    async def many():
        sync = GroupSync(journal)

        async def one(number):
            journal.append_one(prediction(number))
            await sync.wait()

        await asyncio.gather(*(one(number) for number in range(50)))

    asyncio.run(many())
    assert len(parse_segment(journal.path, journal.path.read_bytes()).predictions) == 50


def test_a_failed_fsync_refuses_all_who_wait_and_the_log_says_so(journal, monkeypatch):
    """Also those who came while it ran: their fsync would succeed without meaning it."""
    abandoned = journal.path
    real = os.fsync
    failing = [True]
    started, may_fail = threading.Event(), threading.Event()

    def fsync(handle):
        if failing:
            failing.clear()
            started.set()
            may_fail.wait(10)
            raise OSError(5, "Input/output error")
        real(handle)

    async def many():
        sync = GroupSync(journal)

        async def one(number):
            journal.append_one(prediction(number))
            await sync.wait([f"p{number}"])

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            waiting = [asyncio.create_task(one(number)) for number in range(3)]
            await asyncio.to_thread(started.wait, 10)
            waiting.append(asyncio.create_task(one(3)))
            await asyncio.sleep(0)
            may_fail.set()
            first = await asyncio.gather(*waiting, return_exceptions=True)
        await one(7)
        return first

    refused = asyncio.run(many())
    assert all(isinstance(each, StoreError) for each in refused)
    segment = parse_segment(abandoned, abandoned.read_bytes())
    assert (segment.predictions, segment.closed) == ([], True)
    assert [each.id for each in parse_segment(journal.path, journal.path.read_bytes()).predictions] == ["p7"]


def test_a_disk_that_takes_no_bytes_is_an_error(tmp_path):
    journal = Journal(tmp_path, CLOCK)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._handle)
    os.close(full)
    with pytest.raises(StoreError, match="takes no records"):
        journal.append_one(prediction(1))
    os.close(journal._handle)


def test_a_failed_rotation_goes_on_in_the_old_segment(tmp_path, monkeypatch):
    journal = Journal(tmp_path, CLOCK, segment_bytes=100)
    journal.append_one(prediction(1))
    monkeypatch.setattr(os, "O_EXCL", os.O_DIRECTORY)  # so that no segment can be made
    with pytest.raises(StoreError, match="no new segment"):
        journal.rotate()
    journal.append_one(prediction(2))
    monkeypatch.undo()
    assert [record.id for record in parse_segment(journal.path, journal.path.read_bytes()).predictions] == ["p1", "p2"]
    journal.append_one(prediction(3))
    assert len(list(tmp_path.glob("*.log"))) == 2
    journal.close()
