"""A damaged log, a crash between the log and the ledger, and writers that are not kreis."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from kreis.digests import digest_of_file
from kreis.errors import CorruptionError, StoreError
from kreis.lake import commit as committing
from kreis.lake.folder import FolderStorage
from kreis.lake.store import Lake
from kreis.ledger.audit import entries
from kreis.ledger.store import Ledger
from kreis.locks import holding

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
TABLE = "bronze/x"
Reopen = Callable[[], Lake]


class Disk:
    """A table's folder as somebody sees it who knows nothing of the lake."""

    def __init__(self, root: Path, table: str) -> None:
        self.root, self.table, self.path = root, table, root / table
        self.log, self.aside = self.path / "_delta_log", self.path / "_kreis_aside"
        self.pending = self.path / "_0123.kreis-tmp"

    def commit(self, version: int) -> Path:
        return self.log / f"{version:020}.json"

    def checkpoints(self) -> list[Path]:
        return sorted([*self.log.glob("*.checkpoint*"), *self.log.glob("_last_checkpoint")])

    def data_files(self) -> dict[str, Path]:
        return {path.name: path for path in self.path.glob("*.parquet")}

    def locked(self) -> AbstractContextManager[None]:
        return holding(FolderStorage(self.root).lock(self.table))


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": list(values)})


def rows(lake: Lake, version: int | None = None) -> list[int]:
    return lake.scan(TABLE, version).collect()["n"].to_list()


def events(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return [entry.event for entry in entries(connection)]


@pytest.fixture
def folder(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "lake", TABLE)


@pytest.fixture
def three(lake: Lake, folder: Disk) -> Disk:
    """A table with the rows 0, 1, 2, one a version."""
    for step in range(3):
        lake.append(TABLE, numbers(step), step=str(step), **BY)
    return folder


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"add"', b'"bad"'))


def cut_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("damage", [zero, halve, garble, cut_last_line, Path.unlink])
def test_a_damaged_commit_is_restored_from_the_ledger(
    three: Disk, reopen: Reopen, ledger: Ledger, damage: Callable[[Path], None], version: int
) -> None:
    path = three.commit(version)
    whole = path.read_bytes()
    damage(path)
    report = reopen().check()
    assert [(f.path, f.version, f.harmful) for f in report.findings] == [(str(path), version, True)]
    assert not report.ok
    assert rows(reopen()) == [0, 1, 2]
    assert path.read_bytes() == whole
    assert sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2]
    assert events(ledger)[-1] == "lake.repaired"
    assert reopen().check(deep=True).findings == []


def test_a_damaged_commit_is_restored_before_an_append(three: Disk, reopen: Reopen) -> None:
    three.commit(2).unlink()
    assert reopen().append(TABLE, numbers(3), step="3", **BY).version == 3
    assert sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2, 3]


def test_a_lost_log_is_restored_whole(three: Disk, reopen: Reopen) -> None:
    for path in three.log.iterdir():
        path.unlink()
    three.log.rmdir()
    assert rows(reopen()) == [0, 1, 2]
    assert DeltaTable(three.path).version() == 2


def test_repair_digests_commits_that_opening_only_measures(lake: Lake, reopen: Reopen, folder: Disk) -> None:
    for step in range(40):
        lake.append(TABLE, numbers(step), step=str(step), **BY)
    zero(folder.commit(3))
    assert [f.kind for f in reopen().check().findings] == ["commit damaged"]
    report = reopen().repair()
    assert report.ok
    assert [(f.kind, f.version, f.done) for f in report.findings] == [("commit damaged", 3, "restored from the ledger")]
    assert reopen().check(deep=True).findings == []


@pytest.mark.parametrize("damage", [zero, halve, Path.unlink])
def test_a_damaged_checkpoint_is_deleted(
    three: Disk, reopen: Reopen, damage: Callable[[Path], None], ledger: Ledger
) -> None:
    DeltaTable(three.path).create_checkpoint()
    assert reopen().check().findings == []
    (checkpoint,) = three.log.glob("*.checkpoint.parquet")
    damage(checkpoint)
    kinds = {finding.kind for finding in reopen().check().findings}
    assert kinds == {"checkpoint damaged"}
    assert rows(reopen()) == [0, 1, 2]
    assert three.checkpoints() == []
    assert sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2]
    assert events(ledger)[-1] == "lake.repaired"


def test_a_checkpoint_that_leaves_files_out_is_deleted(three: Disk, reopen: Reopen) -> None:
    DeltaTable(three.path).create_checkpoint()
    (checkpoint,) = three.log.glob("*.checkpoint.parquet")
    pl.read_parquet(checkpoint).head(-1).write_parquet(checkpoint)
    rows(reopen())
    assert three.checkpoints() == []


def test_a_whole_checkpoint_stays(three: Disk, reopen: Reopen) -> None:
    DeltaTable(three.path).create_checkpoint()
    rows(reopen())
    assert len(three.checkpoints()) == 2


@pytest.mark.parametrize("pointer", [b"", b"\0" * 40, b'{"version":', b"[]", b'{"version":7,"size":1}'])
def test_a_pointer_to_no_checkpoint_is_deleted(three: Disk, reopen: Reopen, pointer: bytes) -> None:
    (three.log / "_last_checkpoint").write_bytes(pointer)
    assert rows(reopen()) == [0, 1, 2]
    assert three.checkpoints() == []


def test_a_damaged_data_file_is_never_served(three: Disk, reopen: Reopen) -> None:
    path = max(three.data_files().values())
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptionError) as caught:
        reopen().scan(TABLE)
    assert str(path) in str(caught.value)
    assert f"{TABLE}, version 2" in str(caught.value)
    assert rows(reopen(), 1) == [0, 1]
    report = reopen().check(deep=True)
    assert [(f.path, f.kind, f.version) for f in report.findings] == [(str(path), "file damaged", 2)]
    assert not reopen().repair().ok or reopen().check().ok  # same size: only a deep check sees it


def test_a_lost_data_file_is_named(three: Disk, reopen: Reopen) -> None:
    path = min(three.data_files().values())
    path.unlink()
    with pytest.raises(CorruptionError, match=f"{path.name} is gone"):
        reopen().scan(TABLE)
    assert [(f.path, f.kind) for f in reopen().check().findings] == [(str(path), "file gone")]
    assert not reopen().repair().ok


def test_a_file_damaged_after_its_first_read_is_seen(three: Disk, lake: Lake) -> None:
    rows(lake)
    path = max(three.data_files().values())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptionError):
        lake.scan(TABLE)


class Crash(BaseException):
    """Stands for the end of the process: no handler of kreis runs for it."""


def write_and_crash(write: Callable[..., object], frame: pl.DataFrame, step: str) -> None:
    """Write, and end between the commit to the log and the one to the ledger."""

    def crash(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(committing, "_acknowledge", crash)
        with pytest.raises(Crash):
            write(TABLE, frame, step=step, **BY)


@pytest.mark.parametrize("before", [0, 2])
def test_a_commit_without_its_record_is_adopted(lake: Lake, reopen: Reopen, ledger: Ledger, before: int) -> None:
    for step in range(before):
        lake.append(TABLE, numbers(step), step=str(step), **BY)
    write_and_crash(lake.append, numbers(9), "nine")
    found = reopen().latest(TABLE)
    assert found is not None
    assert (found.version, found.step, found.rows) == (before, "nine", before + 1)
    assert events(ledger)[-1] == "lake.adopted"
    assert reopen().append(TABLE, numbers(9), step="nine", **BY) == found
    other = reopen()
    for step in range(before):
        other.append("bronze/y", numbers(step), step=str(step), **BY)
    assert other.append("bronze/y", numbers(9), step="nine", **BY).fingerprint == found.fingerprint


def test_an_append_adopts_what_a_crash_left(lake: Lake, reopen: Reopen) -> None:
    lake.append(TABLE, numbers(0), step="0", **BY)
    write_and_crash(lake.overwrite, numbers(1), "1")
    assert lake.append(TABLE, numbers(2), step="2", **BY).version == 2
    assert rows(reopen()) == [1, 2]


@pytest.mark.parametrize("damage", [zero, halve, garble, cut_last_line])
def test_a_damaged_commit_without_its_record_is_set_aside(
    lake: Lake, reopen: Reopen, three: Disk, damage: Callable[[Path], None]
) -> None:
    write_and_crash(lake.append, numbers(9), "nine")
    damage(three.commit(3))
    assert rows(reopen()) == [0, 1, 2]
    assert not three.commit(3).exists()
    assert len(list(three.aside.iterdir())) == 1
    assert reopen().append(TABLE, numbers(9), step="nine", **BY).version == 3
    assert rows(reopen()) == sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2, 9]


def test_a_commit_whose_data_is_damaged_is_set_aside(lake: Lake, reopen: Reopen, three: Disk) -> None:
    write_and_crash(lake.append, numbers(9), "nine")
    halve(max(three.data_files().values()))
    assert rows(reopen()) == [0, 1, 2]
    assert len(list(three.aside.iterdir())) == 1


def test_a_commit_from_nowhere_is_set_aside(three: Disk, reopen: Reopen) -> None:
    three.commit(7).write_bytes(three.commit(2).read_bytes())
    assert rows(reopen()) == [0, 1, 2]
    report = reopen().repair()
    assert report.ok
    assert not three.commit(7).exists()


def add_by_another_writer(folder: Disk, name: str, frame: pl.DataFrame, mode: str = "append") -> None:
    frame.write_parquet(folder.path / name)
    table = DeltaTable(folder.path)
    action = AddAction(name, (folder.path / name).stat().st_size, {}, 0, True, json.dumps({"numRecords": 1}))
    table.create_write_transaction([action], mode, table.schema())


@pytest.mark.parametrize(("mode", "expected"), [("append", [0, 1, 2, 7]), ("overwrite", [7])])
def test_another_writers_commit_is_adopted(
    three: Disk, lake: Lake, reopen: Reopen, mode: str, expected: list[int]
) -> None:
    add_by_another_writer(three, "other.parquet", numbers(7), mode)
    assert rows(lake) == expected
    latest = reopen().latest(TABLE)
    assert latest is not None
    assert (latest.rows, latest.added[0].sha256) == (len(expected), digest_of_file(three.path / "other.parquet"))


def test_an_append_goes_behind_another_writers_commit(three: Disk, lake: Lake) -> None:
    add_by_another_writer(three, "other.parquet", numbers(7))
    assert lake.append(TABLE, numbers(8), step="8", **BY).version == 4
    assert rows(lake) == [0, 1, 2, 7, 8]


def test_another_writers_partial_delete_is_set_aside(three: Disk, lake: Lake) -> None:
    DeltaTable(three.path).delete("n = 1")
    assert rows(lake) == sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2]


def test_a_commit_that_names_a_file_elsewhere_is_set_aside(three: Disk, lake: Lake, tmp_path: Path) -> None:
    numbers(7).write_parquet(tmp_path / "secret.parquet")
    size = (tmp_path / "secret.parquet").stat().st_size
    for number, path in enumerate(["../../../secret.parquet", str(tmp_path / "secret.parquet"), "link.parquet"]):
        if number == 2:
            os.symlink(tmp_path / "secret.parquet", three.path / path)
        add = {"path": path, "size": size, "partitionValues": {}, "modificationTime": 0, "dataChange": True}
        three.commit(3).write_text(json.dumps({"add": add}) + "\n")
        assert rows(lake) == [0, 1, 2]
        assert len(list(three.aside.iterdir())) == number + 1


def test_orphans_are_listed_then_swept(three: Disk, reopen: Reopen, ledger: Ledger) -> None:
    orphan = three.path / "00000003-0123.parquet"
    orphan.write_bytes(b"half a file")
    three.pending.write_bytes(b"half a commit")
    assert {(f.path, f.kind) for f in reopen().check().findings} == {
        (str(orphan), "orphan"),
        (str(three.pending), "leftover"),
    }
    assert reopen().check().ok
    assert {f.done for f in reopen().repair().findings} == {"deleted"}
    assert not orphan.exists()
    assert not three.pending.exists()
    assert rows(reopen()) == [0, 1, 2]
    assert events(ledger)[-1] == "lake.swept"


def test_repair_leaves_a_table_alone_that_a_writer_holds(three: Disk, reopen: Reopen) -> None:
    orphan = three.path / "00000003-0123.parquet"
    orphan.write_bytes(b"being written")
    with three.locked():
        assert [f.kind for f in reopen().repair().findings] == ["busy", "orphan"]
    assert orphan.exists()


def test_a_leftover_that_is_linked_as_a_commit_is_not_truncated(three: Disk, lake: Lake) -> None:
    os.link(three.commit(2), three.pending)
    lake.append(TABLE, numbers(3), step="3", **BY)
    assert [f.kind for f in lake.check(deep=True).findings] == ["leftover"]
    assert lake.repair().ok
    assert lake.check(deep=True).findings == []


def test_reading_goes_on_while_a_writer_holds_the_table(three: Disk, reopen: Reopen) -> None:
    with three.locked():
        assert rows(reopen()) == [0, 1, 2]


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_disk_that_fails_to_sync_acknowledges_nothing(
    three: Disk, lake: Lake, reopen: Reopen, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    rows(lake)
    real, calls = os.fsync, iter(range(1, 1000))

    def fail(handle: int) -> None:
        if next(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            lake.append(TABLE, numbers(3), step="3", **BY)
    assert rows(lake) == rows(reopen()) == [0, 1, 2]
    assert lake.append(TABLE, numbers(3), step="3", **BY).version == 3
    assert rows(reopen()) == sorted(pl.scan_delta(str(three.path)).collect()["n"]) == [0, 1, 2, 3]


def test_check_changes_nothing(three: Disk, reopen: Reopen, ledger: Ledger) -> None:
    three.commit(1).unlink()
    before = {path: path.read_bytes() for path in three.path.rglob("*") if path.is_file()}
    said = events(ledger)
    reopen().check(deep=True)
    assert {path: path.read_bytes() for path in three.path.rglob("*") if path.is_file()} == before
    assert events(ledger) == said
