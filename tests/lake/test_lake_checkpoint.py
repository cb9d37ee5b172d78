"""Checkpoints: what opening costs, who believes them, and what other readers of Delta make of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from tests.lake.conftest import T0

from kreis.lake import checkpoint as checkpoints
from kreis.lake.checkpoint import compose_checkpoint, is_due, read_checkpoint
from kreis.lake.folder import FolderStorage
from kreis.lake.layout import TableFolder
from kreis.lake.state import TableState, replay
from kreis.lake.states import States
from kreis.lake.store import Lake
from kreis.ledger import tables
from kreis.ledger.audit import entries
from kreis.ledger.store import Ledger

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
TABLE = "log/x"
HOUR = timedelta(hours=1)
Reopen = Callable[[], Lake]


@pytest.fixture
def folder(tmp_path: Path) -> TableFolder:
    return TableFolder(FolderStorage(tmp_path / "lake"), TABLE)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "lake" / TABLE / "_delta_log"


@pytest.fixture
def hundred(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A table with a checkpoint after every ten of its 23 commits, one an hour."""
    monkeypatch.setattr(checkpoints, "_EVERY", 10)
    for step in range(23):
        frame = pl.DataFrame({"n": [step], "at": [T0 + step * HOUR]})
        if step >= 15:
            frame = frame.with_columns(extra=pl.lit("x"))
        known = T0 + step * HOUR
        lake.append(TABLE, frame, step=str(step), known_until=known, evolve=True, day_of="at", **BY)
    return lake


def rows(lake: Lake, version: int | None = None, **known: Any) -> list[int]:
    return lake.scan(TABLE, version, **known).collect()["n"].to_list()


def state_of(ledger: Ledger, folder: TableFolder, version: int) -> TableState:
    with ledger.read() as connection:
        return States().at(connection, folder, version)


def test_a_checkpoint_says_what_the_ledger_says(hundred: Lake, ledger: Ledger, folder: TableFolder) -> None:
    with ledger.read() as connection:
        recorded = tables.checkpoint_of(connection, TABLE)
        told = replay(None, tables.versions_of(connection, TABLE, before=20))
    assert recorded is not None
    assert told is not None
    assert (recorded.version, recorded.previous) == (19, 9)
    data = folder.storage.get(folder.checkpoint(19))
    files, schema, table_id = read_checkpoint(data)
    assert (files, schema, table_id) == (told.files, told.schema, told.table_id)
    assert [each.file.day for each in files] == ["2013-05-01"] * 12 + ["2013-05-02"] * 8
    assert [each.known_until for each in files] == [T0 + step * HOUR for step in range(20)]
    assert compose_checkpoint(told) == data


def test_every_version_is_read_from_a_checkpoint_as_from_the_ledger(hundred: Lake, reopen: Reopen) -> None:
    assert [rows(reopen(), version) for version in (3, 9, 19, 22)] == [list(range(each)) for each in (4, 10, 20, 23)]
    assert rows(reopen()) == list(range(23))
    assert rows(reopen(), known_since=T0 + 15 * HOUR) == list(range(15, 23))
    assert rows(reopen(), known_since=T0 + 15 * HOUR, known_before=T0 + 12 * HOUR) == []
    assert reopen().schema(TABLE).names() == ["n", "at", "extra"]
    assert reopen().append(TABLE, pl.DataFrame({"n": [23], "at": [T0], "extra": [None]}, schema_overrides={
        "extra": pl.String}), step="23", **BY).rows == 24  # fmt: skip


def test_other_readers_begin_at_the_checkpoint(hundred: Lake, log: Path) -> None:
    for number in range(19):
        (log / f"{number:020}.json").unlink()
    table = DeltaTable(log.parent)
    assert (table.version(), len(table.file_uris())) == (22, 23)
    assert sorted(pl.scan_delta(str(log.parent)).collect()["n"]) == list(range(23))


def test_only_the_last_two_checkpoints_are_kept(hundred: Lake, log: Path) -> None:
    for step in range(23, 30):
        frame = pl.DataFrame({"n": [step], "at": [T0], "extra": ["y"]})
        hundred.append(TABLE, frame, step=str(step), **BY)
    assert sorted(path.name[:20] for path in log.glob("*.checkpoint.parquet")) == [f"{19:020}", f"{29:020}"]
    assert hundred.check(deep=True).findings == []


def test_opening_looks_at_what_follows_the_checkpoint(hundred: Lake, reopen: Reopen, log: Path) -> None:
    before, after = log / f"{3:020}.json", log / f"{21:020}.json"
    before.unlink()
    after.unlink()
    assert rows(reopen()) == list(range(23))
    assert after.exists()
    assert not before.exists()
    assert [(each.kind, each.version) for each in reopen().check().findings] == [("commit lost", 3)]
    assert reopen().repair().ok
    assert before.exists()


def leave_a_file_out(path: Path) -> None:
    frame = pl.read_parquet(path)
    frame.head(-1).write_parquet(path)


@pytest.mark.parametrize("damage", [leave_a_file_out, Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_a_checkpoint_that_is_not_the_recorded_one_is_named_and_not_believed(
    hundred: Lake, reopen: Reopen, log: Path, ledger: Ledger, damage: Callable[[Path], object]
) -> None:
    damage(log / f"{19:020}.checkpoint.parquet")
    assert [each.kind for each in reopen().check().findings if each.path.endswith(".parquet")] == ["checkpoint damaged"]
    assert not reopen().check().ok
    assert rows(reopen()) == list(range(23))
    assert DeltaTable(log.parent).version() == 22
    assert (log / f"{22:020}.checkpoint.parquet").exists()
    with ledger.read() as connection:
        assert [each.event for each in entries(connection)][-2:] == ["lake.checkpointed", "lake.repaired"]
    assert reopen().check(deep=True).findings == []


def test_a_checkpoint_that_was_never_recorded_is_held_against_the_ledger(
    lake: Lake, reopen: Reopen, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    for step in range(5):
        lake.append(TABLE, pl.DataFrame({"n": [step]}), step=str(step), **BY)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_EVERY", 3)
        patch.setattr(checkpoints, "put_checkpoint", crash)
        with pytest.raises(KeyboardInterrupt):
            lake.append(TABLE, pl.DataFrame({"n": [5]}), step="5", **BY)
    assert rows(reopen()) == list(range(6))
    assert reopen().check(deep=True).findings == []
    leave_a_file_out(log / f"{5:020}.checkpoint.parquet")
    assert rows(reopen()) == list(range(6))
    assert list(log.glob("*checkpoint*")) == []


def test_a_checkpoint_that_cannot_be_written_stops_no_append(lake: Lake, reopen: Reopen, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_EVERY", 2)
        patch.setattr(FolderStorage, "put", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        for step in range(5):
            lake.append(TABLE, pl.DataFrame({"n": [step]}), step=str(step), **BY)
    assert rows(reopen()) == list(range(5))
    assert list((tmp_path / "lake" / TABLE / "_delta_log").glob("*checkpoint*")) == []


def test_a_table_of_many_files_is_summed_up_less_often(hundred: Lake, ledger: Ledger, folder: TableFolder) -> None:
    state = state_of(ledger, folder, 22)
    many = TableState(
        version=state.version, files=state.files * 100, schema=state.schema, table_id=state.table_id, checkpoint=-1
    )
    assert is_due(state) is False
    assert is_due(many) is False
    assert is_due(TableState(**{**{n: getattr(many, n) for n in many.__struct_fields__}, "files": state.files}))
