"""A whole lake over every storage: what is acknowledged is read, checked, repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kreis.clock import SimulatedClock
from kreis.errors import CorruptionError
from kreis.lake.layout import TableFolder
from kreis.lake.storage import LakeStorage
from kreis.lake.store import Lake
from kreis.ledger.store import Ledger, open_ledger

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
TABLE = "bronze/x"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(datetime(2013, 5, 1, tzinfo=UTC))) as opened:
        yield opened


@pytest.fixture
def reopen(open_storage: Callable[[], LakeStorage], ledger: Ledger) -> Callable[[], Lake]:
    return lambda: Lake(open_storage(), ledger)


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": list(values)})


def rows(lake: Lake, version: int | None = None) -> list[int]:
    return lake.scan(TABLE, version).collect()["n"].to_list()


def test_a_table_is_written_and_read(reopen: Callable[[], Lake]) -> None:
    for step in range(3):
        reopen().append(TABLE, numbers(step), step=str(step), **BY)
    reopen().overwrite(TABLE, numbers(7), step="over", **BY)
    assert [rows(reopen(), version) for version in (0, 2, 3)] == [[0], [0, 1, 2], [7]]
    assert reopen().tables() == [TABLE]
    assert reopen().check(deep=True).findings == []


def test_a_lost_commit_is_restored(reopen: Callable[[], Lake], storage: LakeStorage) -> None:
    for step in range(3):
        reopen().append(TABLE, numbers(step), step=str(step), **BY)
    commit = TableFolder(storage, TABLE).commit(1)
    whole = storage.get(commit)
    storage.delete([commit])
    assert [each.kind for each in reopen().check().findings] == ["commit lost"]
    assert rows(reopen()) == [0, 1, 2]
    assert storage.get(commit) == whole


def test_a_damaged_file_is_never_served(reopen: Callable[[], Lake], storage: LakeStorage) -> None:
    added = reopen().append(TABLE, numbers(1), step="1", **BY).added[0]
    key = TableFolder(storage, TABLE).file(added.path)
    storage.put(key, storage.get(key)[:-1] + b"?")
    with pytest.raises(CorruptionError, match="not what was acknowledged"):
        reopen().scan(TABLE)
    assert [each.kind for each in reopen().check(deep=True).findings] == ["file damaged"]


def test_what_nobody_names_is_swept(reopen: Callable[[], Lake], storage: LakeStorage) -> None:
    reopen().append(TABLE, numbers(1), step="1", **BY)
    storage.put(f"{TABLE}/00000001-0123.parquet", b"half a file")
    assert [each.kind for each in reopen().repair().findings] == ["orphan"]
    assert reopen().check(deep=True).findings == []
    assert rows(reopen()) == [1]


def test_a_long_log_is_opened_at_its_checkpoint(reopen: Callable[[], Lake], storage: LakeStorage) -> None:
    lake = reopen()
    for step in range(103):
        lake.append(TABLE, numbers(step), step=str(step), **BY)
    folder = TableFolder(storage, TABLE)
    assert storage.stat(folder.checkpoint(99)) is not None
    assert rows(reopen()) == list(range(103))
    storage.put(folder.checkpoint(99), b"damaged")
    assert rows(reopen()) == list(range(103))
    assert reopen().check(deep=True).findings == []
