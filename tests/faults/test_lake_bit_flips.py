"""Single-bit flips over everything that the lake keeps on disk: reported by name or repaired, never served."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kreis.clock import SimulatedClock
from kreis.errors import CorruptionError
from kreis.lake.store import Lake
from kreis.ledger.store import Ledger, open_ledger

pytestmark = pytest.mark.faults

T0 = datetime(2013, 5, 1, tzinfo=UTC)
TABLE = "bronze/x"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(T0)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, ledger: Ledger) -> Path:
    lake = Lake(tmp_path / "lake", ledger)
    pick = random.Random(1)
    for step in range(5):
        frame = pl.DataFrame({"n": range(200), "x": [pick.random() for _ in range(200)], "s": ["some text"] * 200})
        lake.append(TABLE, frame, step=str(step), actor="ann", reason="test")
    return tmp_path / "lake" / TABLE


def flip(path: Path, pick: random.Random) -> bytes:
    """Flip one bit of a file; returns its bytes before."""
    before = path.read_bytes()
    bit = pick.randrange(len(before) * 8)
    damaged = bytearray(before)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    return before


def test_every_flip_in_a_data_file_is_reported_by_name(folder: Path, ledger: Ledger) -> None:
    pick = random.Random(2)
    files = sorted(folder.glob("*.parquet"))
    for _ in range(100):
        path = pick.choice(files)
        before = flip(path, pick)
        lake = Lake(folder.parent.parent, ledger)
        with pytest.raises(CorruptionError) as caught:
            lake.scan(TABLE)
        assert str(path) in str(caught.value)
        assert f"version {int(path.name[:8])}" in str(caught.value)
        assert [(f.path, f.kind) for f in lake.check(deep=True).findings] == [(str(path), "file damaged")]
        path.write_bytes(before)
    assert Lake(folder.parent.parent, ledger).check(deep=True).findings == []


def test_every_flip_in_a_commit_file_is_repaired(folder: Path, ledger: Ledger) -> None:
    pick = random.Random(3)
    files = sorted((folder / "_delta_log").glob("*.json"))
    for _ in range(100):
        path = pick.choice(files)
        before = flip(path, pick)
        lake = Lake(folder.parent.parent, ledger)
        assert [(f.path, f.kind) for f in lake.check().findings] == [(str(path), "commit damaged")]
        assert lake.scan(TABLE).collect().height == 1000
        assert path.read_bytes() == before
    assert Lake(folder.parent.parent, ledger).check(deep=True).findings == []
