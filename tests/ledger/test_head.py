"""The head that is kept beside the ledger."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from kreis.clock import SimulatedClock
from kreis.errors import CorruptionError, StoreError
from kreis.ledger import audit, chain, head
from kreis.ledger.head import Head
from kreis.ledger.store import Ledger, open_ledger

NOTE = {"event": "noted", "subject": "s", "actor": "ann", "reason": "r"}
A, B = "a" * 64, "b" * 64


def test_head_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "head"
    assert head.read(path) is None
    head.advance(path, Head(1, A))
    head.advance(path, Head(2, B))
    assert head.read(path) == Head(2, B)
    assert path.stat().st_mode & 0o777 == 0o600


def test_older_head_changes_nothing(tmp_path: Path) -> None:
    head.advance(tmp_path / "head", Head(7, A))
    head.advance(tmp_path / "head", Head(6, B))
    assert head.read(tmp_path / "head") == Head(7, A)


def test_torn_slot_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "head"
    head.advance(path, Head(1, A))
    head.advance(path, Head(2, B))
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert head.read(path) == Head(1, A)
    path.write_bytes(data[: head.SLOT + 50])
    assert head.read(path) is None


def test_writers_at_once_leave_the_farthest(tmp_path: Path) -> None:
    path = tmp_path / "head"

    def write(start: int) -> None:
        for position in range(start, 200, 8):
            head.advance(path, Head(position, A))

    threads = [threading.Thread(target=write, args=(start,)) for start in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert head.read(path) == Head(199, A)


def test_something_else_in_its_place_is_no_head_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "head"
    os.mkfifo(path)
    assert head.read(path) is None
    head.advance(path, Head(3, A))
    assert head.read(path) == Head(3, A)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert head.read(path) is None
    head.advance(path, Head(4, A))
    assert head.read(path) == Head(4, A)
    assert not (tmp_path / "elsewhere").exists()


def test_head_goes_along_with_every_record(file_ledger: Ledger, tmp_path: Path) -> None:
    for number in range(1, 4):
        with file_ledger.record(**NOTE):
            pass
        with file_ledger.read() as connection:
            assert head.read(tmp_path / "ledger.db-head") == Head(number, audit.head(connection))


def test_ledger_ahead_of_its_head_is_taken(file_ledger: Ledger, tmp_path: Path, clock: SimulatedClock) -> None:
    """A crash between the commit and the head."""
    with file_ledger.record(**NOTE):
        pass
    before = (tmp_path / "ledger.db-head").read_bytes()
    with file_ledger.record(**NOTE):
        pass
    file_ledger.close()
    (tmp_path / "ledger.db-head").write_bytes(before)
    with open_ledger(tmp_path / "ledger.db", clock=clock) as ledger:
        with ledger.record(**NOTE):
            pass
        with ledger.read() as connection:
            assert head.read(tmp_path / "ledger.db-head") == Head(3, audit.head(connection))


def test_older_copy_of_a_ledger_is_refused(file_ledger: Ledger, tmp_path: Path, clock: SimulatedClock) -> None:
    with file_ledger.record(**NOTE):
        pass
    file_ledger.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "old")
    with open_ledger(tmp_path / "ledger.db", clock=clock) as ledger, ledger.record(**NOTE):
        pass
    shutil.copy(tmp_path / "old", tmp_path / "ledger.db")
    with pytest.raises(CorruptionError, match="ends at entry 1, but entry 2 was acknowledged"):
        open_ledger(tmp_path / "ledger.db", clock=clock)


def test_another_history_is_refused(file_ledger: Ledger, tmp_path: Path, clock: SimulatedClock) -> None:
    for name in ("ledger.db", "other.db"):
        with open_ledger(tmp_path / name, clock=clock) as ledger, ledger.record(**{**NOTE, "subject": name}):
            pass
    file_ledger.close()
    shutil.copy(tmp_path / "other.db", tmp_path / "ledger.db")
    with pytest.raises(CorruptionError, match="entry 1 is not the one that was acknowledged"):
        open_ledger(tmp_path / "ledger.db", clock=clock)


@pytest.mark.parametrize("create", [True, False])
def test_lost_ledger_is_not_begun_anew(
    file_ledger: Ledger, tmp_path: Path, clock: SimulatedClock, create: bool
) -> None:
    with file_ledger.record(**NOTE):
        pass
    file_ledger.close()
    (tmp_path / "ledger.db").unlink()
    with pytest.raises(CorruptionError, match="the ledger is gone; it went as far as entry 1"):
        open_ledger(tmp_path / "ledger.db", clock=clock, create=create)
    assert not (tmp_path / "ledger.db").exists()


def test_head_that_cannot_be_written_is_said(
    file_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(StoreError, match="was recorded, but the head"), file_ledger.record(**NOTE):
        pass
    monkeypatch.undo()
    with file_ledger.read() as connection:
        assert chain.last(connection)[0] == 1


def test_record_by_sql_leaves_the_head_behind_and_is_found(file_ledger: Ledger, tmp_path: Path) -> None:
    with file_ledger.record(**NOTE):
        pass
    file_ledger.close()
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE audit SET actor = 'bob'")
    database.close()
    with open_ledger(tmp_path / "ledger.db", clock=file_ledger.clock) as ledger, ledger.read() as connection:
        assert [problem.what for problem in audit.verify(connection).problems] == ["entry 1 was edited"]
