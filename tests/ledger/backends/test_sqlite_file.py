"""What only SQLite can suffer: a held lock, a damaged file, a process killed, a disk that must be asked."""

from __future__ import annotations

import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from kreis.clock import SimulatedClock, SystemClock
from kreis.errors import CorruptionError, StoreError
from kreis.ledger import alerts, audit, documents, models, releases, runs, schema, steps, tables
from kreis.ledger.backends import sqlite
from kreis.ledger.store import Ledger, open_ledger

SCRIPT = Path(__file__).parents[1] / "process_that_records.py"


def test_lock_held_too_long_is_said(file_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(StoreError, match="held the write lock"),
        file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx,
    ):
        runs.start_run(tx, make.run())
    with file_ledger.read() as connection:
        assert runs.list_runs(connection) == []
    other.execute("ROLLBACK")
    other.close()
    with file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run())


def test_settings_are_those_of_durability(file_ledger: Ledger) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0, "fullfsync": 1}
    with file_ledger.read() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
        assert found == wanted
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    with file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        assert tx.connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_creation_leaves_one_file_and_its_head(tmp_path: Path, clock: SimulatedClock) -> None:
    open_ledger(tmp_path / "ledger.db", clock=clock).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.db", "ledger.db-head"]


def test_creation_that_fails_leaves_no_ledger(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sqlite, "fsync_file", full)
    with pytest.raises(StoreError, match="No space left"):
        open_ledger(tmp_path / "ledger.db", clock=clock)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db-head"]


def test_folder_without_hard_links_is_said(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    with pytest.raises(StoreError, match="cannot name a finished file"):
        open_ledger(tmp_path / "ledger.db", clock=clock)


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c '
import sys
from kreis.clock import SystemClock
from kreis.errors import StoreError
from kreis.ledger import audit
from kreis.ledger.store import open_ledger
with open_ledger(sys.argv[1] + "/ledger.db", clock=SystemClock()) as ledger:
    with ledger.read() as connection:
        assert audit.verify(connection).entries == 15
    try:
        with ledger.record(event="e", subject="s", actor="a", reason="r"):
            pass
    except StoreError as error:
        print(error)
' "$1"
"""


def test_ledger_on_a_read_only_disk_is_still_read(filled_file: Ledger, tmp_path: Path) -> None:
    filled_file.close()
    may_mount = ["unshare", "-m", "mount", "--bind", str(tmp_path), str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run(may_mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a folder read-only is not allowed here")
    command = ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(tmp_path), sys.executable]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert "attempt to write a readonly database" in said


@pytest.fixture
def whole(filled_file: Ledger, tmp_path: Path) -> tuple[Path, str, dict[str, Any]]:
    """A closed ledger's file, its head, and all that it holds."""
    with filled_file.read() as connection:
        head = audit.head(connection)
        contents = _contents(connection)
    filled_file.close()
    return tmp_path / "ledger.db", head, contents


@pytest.mark.parametrize("start", [0, pytest.param(1000, marks=pytest.mark.faults)])
def test_flipped_bit_is_reported_or_changes_nothing(
    whole: tuple[Path, str, dict[str, Any]], tmp_path: Path, start: int, clock: SimulatedClock
) -> None:
    path, head, contents = whole
    with open_ledger(path, clock=clock) as ledger, ledger.read() as connection:
        records = {name: read(connection) for name, read in _READERS.items()}
    silent, harmless = [], 0
    attempts = 100 if start == 0 else 1000
    for seed in range(start, start + attempts):
        flipped = _flip(path, tmp_path / f"flipped-{seed}.db", seed)
        try:
            with open_ledger(flipped, clock=clock, create=False) as ledger, ledger.read() as connection:
                silent += [(seed, name) for name in _served_wrongly(connection, records)]
                if audit.verify(connection, head=head).ok:
                    harmless += 1
                    if _contents(connection) != contents:
                        silent.append((seed, "verified"))
        except StoreError:
            pass
        flipped.unlink()
    assert silent == []
    assert harmless < attempts


@pytest.fixture
def cut_off(filled_file: Ledger, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The files of a ledger whose process was cut off with all its records in the log, and what it holds."""
    with filled_file.read() as connection:
        contents = _contents(connection)
    folder = tmp_path / "cut off"
    folder.mkdir()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-head"):
        shutil.copy(tmp_path / name, folder)
    return folder / "ledger.db", contents


def test_log_that_is_whole_is_taken(cut_off: tuple[Path, dict[str, Any]], clock: SimulatedClock) -> None:
    path, contents = cut_off
    with open_ledger(path, clock=clock) as ledger, ledger.read() as connection:
        assert _contents(connection) == contents
    assert not path.with_name("ledger.db-wal").exists()


@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_damage_in_the_log_is_never_silent(
    cut_off: tuple[Path, dict[str, Any]], tmp_path: Path, clock: SimulatedClock, how: str
) -> None:
    """SQLite drops a damaged log from the damage on, without a word: the head beside it tells."""
    path, contents = cut_off
    log = path.with_name("ledger.db-wal")
    harmless = 0
    for seed in range(100):
        folder = tmp_path / f"damaged-{seed}"
        shutil.copytree(path.parent, folder)
        damaged = folder / log.name
        if how == "flipped":
            _flip(log, damaged, seed)
        else:
            damaged.write_bytes(log.read_bytes()[: random.Random(seed).randrange(log.stat().st_size)])
        before = damaged.read_bytes()
        try:
            with open_ledger(folder / "ledger.db", clock=clock) as ledger, ledger.read() as connection:
                assert _contents(connection) == contents, f"{how} with seed {seed}: silent"
                harmless += 1
        except CorruptionError:
            assert damaged.read_bytes() == before, "what is left of the log is evidence"
        shutil.rmtree(folder)
    assert harmless < 20


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_file_cut_short_is_reported(
    whole: tuple[Path, str, dict[str, Any]], clock: SimulatedClock, keep: float
) -> None:
    path, head, _ = whole
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    try:
        with open_ledger(path, clock=clock) as ledger, ledger.read() as connection:
            assert not audit.verify(connection, head=head).ok
    except CorruptionError:
        pass


@pytest.mark.faults
def test_killed_process_loses_nothing_that_it_acknowledged(
    file_ledger: Ledger, tmp_path: Path, make, clock: SimulatedClock
) -> None:
    place = tmp_path / "ledger.db"
    with file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run(id="run", project="p"))
    chance = random.Random(1)
    acknowledged: set[str] = set()
    for number in range(30):
        command = [sys.executable, SCRIPT, place, "100000", f"victim{number}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as victim:
            lines = [victim.stdout.readline() for _ in range(chance.randint(1, 12))]
            victim.send_signal(signal.SIGKILL)
            lines += victim.stdout.readlines()
        acknowledged |= _acknowledged(lines)
        with open_ledger(place, clock=clock) as ledger, ledger.read() as connection:
            assert audit.verify(connection).ok
            assert steps.find_steps(connection, acknowledged).keys() == acknowledged
    assert len(acknowledged) > 100


def _acknowledged(lines: list[bytes]) -> set[str]:
    return {line.split()[0].decode() for line in lines if re.fullmatch(rb"\S+ \d+\n", line)}


EIO_AT_COMMIT = """
import os, sys
from kreis.clock import SystemClock
from kreis.errors import StoreError
from kreis.ledger import audit
from kreis.ledger.store import open_ledger
with open_ledger(sys.argv[1], clock=SystemClock()) as ledger:
    with ledger.record(event="first", subject="s", actor="a", reason="r"):
        pass
    for _ in range(2):
        try:
            with ledger.record(event="second", subject="s", actor="a", reason="r"):
                os.write(1, b"now\\n")
        except StoreError as error:
            os.write(1, f"{error}\\n".encode())
    with ledger.record(event="third", subject="s", actor="a", reason="r"):
        pass
    with ledger.read() as connection:
        os.write(1, f"{[entry.event for entry in audit.entries(connection)]}\\n".encode())
"""


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
@pytest.mark.parametrize("failures", [1, 2, 3, 4])
def test_commit_that_the_disk_did_not_confirm_is_looked_up(tmp_path: Path, failures: int) -> None:
    """EIO at the fsync of a commit: what is said afterwards is what the next process finds."""
    script = tmp_path / "script.py"
    script.write_text(EIO_AT_COMMIT)
    place = tmp_path / "ledger.db"
    plain = [sys.executable, str(script), str(place)]
    log = tmp_path / "strace.log"
    traced = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", str(log)]
    subprocess.run([*traced, *plain], check=True, capture_output=True)
    calls = log.read_text().splitlines()
    now = next(at for at, call in enumerate(calls) if '"now' in call)
    name = next(re.search(r"(fsync|fdatasync)\(", call)[1] for call in calls[now:] if "ledger.db-wal" in call)
    before = sum(f"{name}(" in call for call in calls[:now])
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    inject = f"inject={name}:error=EIO:when={before + 1}..{before + failures}"
    done = subprocess.run([*traced, "-e", inject, *plain], check=True, capture_output=True, text=True).stdout
    with open_ledger(place, clock=SystemClock(), create=False) as ledger, ledger.read() as connection:
        found = [entry.event for entry in audit.entries(connection)]
        assert audit.verify(connection).ok
    assert done.splitlines()[-1] == str(found), "what the process saw is what is there"
    assert [event for event in found if event != "second"] == ["first", "third"]
    nothing, unknown = done.count("nothing was recorded"), done.count("it is not known whether")
    acknowledged = 2 - nothing - unknown
    assert acknowledged <= found.count("second") <= acknowledged + unknown, done


LIMITED = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = sys.argv[1:]
sys.argv[0] = "process_that_records.py"
from kreis.errors import StoreError
try:
    runpy.run_path(SCRIPT, run_name="__main__")
except StoreError as error:
    print("refused:", type(error).__name__, error)
"""


@pytest.mark.parametrize("room", [0, 5_000, 13_001, 70_000, pytest.param(400_000, marks=pytest.mark.faults)])
def test_disk_that_is_full_refuses_and_loses_nothing(
    file_ledger: Ledger, tmp_path: Path, make, clock: SimulatedClock, room: int
) -> None:
    """A limit on file sizes stands for the full disk: the write itself fails, wherever it is."""
    place = tmp_path / "ledger.db"
    with file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run(id="run", project="p"))
    file_ledger.close()
    limit = place.stat().st_size + room
    script = f"SCRIPT = {str(SCRIPT)!r}\n{LIMITED}"
    command = [sys.executable, "-B", "-c", script, str(limit), str(place), "100000", "writer"]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.splitlines(keepends=True)
    assert any(line.startswith(b"refused: StoreError") for line in lines)
    acknowledged = _acknowledged(lines)
    with open_ledger(place, clock=clock) as ledger, ledger.read() as connection:
        assert audit.verify(connection).ok
        assert steps.find_steps(connection, acknowledged).keys() == acknowledged
    with open_ledger(place, clock=clock) as ledger, ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run(id="afterwards"))


def _flip(path: Path, to: Path, seed: int) -> Path:
    data = bytearray(path.read_bytes())
    at = random.Random(seed).randrange(len(data) * 8)
    data[at // 8] ^= 1 << at % 8
    to.write_bytes(data)
    return to


def _contents(connection: Any) -> dict[str, Any]:
    """All rows as they are stored."""
    return {
        table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in schema.metadata.sorted_tables
    }


def _served_wrongly(connection: Any, records: dict[str, Any]) -> list[str]:
    """Readers that returned a record which never was; a refusal is right."""
    wrong = []
    for name, read in _READERS.items():
        try:
            served = read(connection)
        except (StoreError, SQLAlchemyError):
            continue
        if any(record not in records[name] for record in served):
            wrong.append(name)
    return wrong


_READERS = {
    "runs": runs.list_runs,
    "models": models.list_models,
    "releases": releases.list_releases,
    "alerts": alerts.list_alerts,
    "documents": lambda connection: documents.list_documents(connection, "goal"),
    "table_versions": lambda connection: tables.versions_of(connection, "bronze/flights"),
}


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_every_acknowledgement_comes_after_its_fsync(file_ledger: Ledger, tmp_path: Path, make) -> None:
    with file_ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run(id="run", project="p"))
    file_ledger.close()
    calls = list(_trace([sys.executable, str(SCRIPT), str(tmp_path / "ledger.db"), "5", "writer"], tmp_path))
    assert [call for call in calls if call == "acknowledged"] == ["acknowledged"] * 5
    since = calls[calls.index("opened") :]
    assert since.index("fsync folder") < since.index("acknowledged"), "the log's name must be on disk too"
    for ack in [at for at, call in enumerate(calls) if call == "acknowledged"]:
        before = calls[:ack]
        written = len(before) - 1 - before[::-1].index("write ledger.db-wal")
        assert "fsync ledger.db-wal" in before[written:], "the log is forced to disk after its last write"


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_new_ledger_is_on_disk_before_it_has_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    calls = list(_trace([sys.executable, str(SCRIPT), str(folder / "ledger.db"), "0", "writer"], tmp_path))
    named = calls.index("link ledger.db")
    assert "fsync folder" in calls[named : calls.index("opened")]
    draft = [call for call in calls[:named] if call.endswith((".tmp", ".tmp-wal"))]
    assert draft[-1] == "fsync .tmp"


def _trace(command: list[str], folder: Path) -> Iterator[str]:
    """The system calls that matter, in order: "write NAME", "fsync NAME", "link NAME", "opened", "acknowledged"."""
    log = folder / "strace.log"
    watched = "trace=openat,pwrite64,write,fsync,fdatasync,link,linkat"
    subprocess.run(["strace", "-f", "-y", "-e", watched, "-o", log, *command], check=True, capture_output=True)
    for line in log.read_text().splitlines():
        if written := re.search(r'write\(1<.*?>, "(open|\S+ \d+)\\n"', line):
            yield "opened" if written[1] == "open" else "acknowledged"
        elif linked := re.search(r'link(?:at)?\(.*"[^"]*/([^"/]+)"(?:, 0)?\) = 0', line):
            yield f"link {linked[1]}"
        elif call := re.search(r"(pwrite64|fsync|fdatasync)\(\d+<([^>]*)>", line):
            path = Path(call[2])
            name = "folder" if path.is_dir() else re.sub(r"^\..*(\.tmp)", r"\1", path.name)
            yield f"{'write' if call[1] == 'pwrite64' else 'fsync'} {name}"
