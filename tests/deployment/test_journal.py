"""The journal: what is appended is read back; what is torn or changed is told apart."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.clock import SimulatedClock
from kreis.deployment.predictions.journal import GroupSync, Journal
from kreis.deployment.predictions.reader import closed_segments, parse_segment, read_segment
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord, ShadowScore
from kreis.errors import CorruptionError, StoreError

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
    segment = read_segment(journal.path)
    assert (segment.predictions, segment.outcomes, segment.torn) == (records, [outcome], 0)


def test_the_segment_in_use_is_not_given_away(journal):
    journal.append_one(prediction(1))
    with closed_segments(journal.folder, 10) as paths:
        assert paths == []
    closed = journal.rotate()
    with closed_segments(journal.folder, 10) as paths:
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
    read = [read_segment(path) for path in tmp_path.glob("*.log")]
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
            with pytest.raises(CorruptionError, match=r"byte \d+") as caught:
                parse_segment(journal.path, bytes(changed))
            assert str(journal.path) in str(caught.value)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(journal, data):
    for each in (data, b"KREISPL1" + data):
        try:
            parse_segment(journal.path, each)
        except CorruptionError:
            continue


def test_a_crashed_writers_segment_is_given_away(tmp_path):
    program = (
        "import sys, os; from kreis.deployment.predictions.journal import Journal; from kreis.clock import SystemClock;"
        "from kreis.deployment.predictions.records import OutcomeRecord; from pathlib import Path;"
        "journal = Journal(Path(sys.argv[1]), SystemClock());"
        "journal.append([OutcomeRecord(outcome=1.0, known_at=1)]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=30)
    with closed_segments(tmp_path, 10) as paths:
        assert [len(read_segment(path).outcomes) for path in paths] == [1]


def test_group_sync_answers_all_who_wait(journal):
    async def many():
        sync = GroupSync(journal)

        async def one(number):
            journal.append_one(prediction(number))
            await sync.wait()

        await asyncio.gather(*(one(number) for number in range(50)))

    asyncio.run(many())
    assert len(read_segment(journal.path).predictions) == 50


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
    assert [record.id for record in read_segment(journal.path).predictions] == ["p1", "p2"]
    journal.append_one(prediction(3))
    assert len(list(tmp_path.glob("*.log"))) == 2
    journal.close()
