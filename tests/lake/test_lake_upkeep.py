"""Compaction, retention, erasure: what goes is on record, what stays reads as before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from tests.lake.conftest import T0

from kreis.clock import SimulatedClock
from kreis.errors import ProjectError
from kreis.lake import maintenance, tending
from kreis.lake.folder import FolderStorage
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, compose, publish
from kreis.lake.store import Lake
from kreis.ledger.audit import entries
from kreis.ledger.store import Ledger
from kreis.ledger.tables import versions_of

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
TABLE = "log/x"
DAY = timedelta(days=1)
Reopen = Callable[[], Lake]


@pytest.fixture
def ten(lake: Lake, ledger: Ledger) -> Lake:
    """Ten commits, one a day, each with a row of that day and one of the day before."""
    for step in range(10):
        at = T0 + step * DAY
        frame = pl.DataFrame({"n": [2 * step, 2 * step + 1], "at": [at, at - DAY], "who": [f"p{step}", f"p{step % 2}"]})
        lake.append(TABLE, frame, step=str(step), known_until=at, day_of="at", **BY)
        assert isinstance(ledger.clock, SimulatedClock)
        ledger.clock.advance(at + DAY)
    return lake


def numbers(lake: Lake, version: int | None = None) -> list[int]:
    return sorted(lake.scan(TABLE, version).collect()["n"])


def on_disk(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "lake" / TABLE).glob("*.parquet")}


def events(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return [entry.event for entry in entries(connection)]


def test_compaction_keeps_every_row_and_day(ten: Lake, reopen: Reopen, tmp_path: Path, ledger: Ledger) -> None:
    before, since = ten.scan(TABLE).sort("n").collect(), T0 + 8 * DAY
    newest = ten.scan(TABLE, known_since=since).collect().sort("n")
    planned = tending.compact(reopen(), TABLE, dry_run=True, **BY)
    assert (planned.files_before, planned.files_after) == (20, 11)
    assert ten.latest(TABLE).version == 9  # type: ignore[union-attr]
    done = tending.compact(reopen(), TABLE, **BY)
    assert done == planned
    version = reopen().latest(TABLE)
    assert version is not None
    assert (version.version, version.mode, version.rows) == (10, "rewrite", 20)
    assert version.fingerprint == ten.version(TABLE, 9).fingerprint
    assert (version.known_until, version.step) == (ten.version(TABLE, 9).known_until, "9")
    for lake in (ten, reopen()):
        assert lake.scan(TABLE).collect().sort("n").equals(before)
        assert (
            lake.scan(TABLE, known_since=since)
            .collect()
            .sort("n")
            .filter(pl.col("at") >= since)
            .equals(newest.filter(pl.col("at") >= since))
        )
        assert len(lake.files(TABLE)) == 11
        assert numbers(lake, 4) == list(range(10))
    assert sorted(pl.scan_delta(str(tmp_path / "lake" / TABLE)).collect()["n"]) == list(range(20))
    assert events(ledger)[-1] == "lake.compacted"
    assert reopen().check(deep=True).findings == []
    assert tending.compact(reopen(), TABLE, **BY).files_after == 11


def test_compaction_keeps_the_order_of_rows(lake: Lake, reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_SMALL", 3000)
    for step in range(9):
        frame = pl.DataFrame({"n": range(step * 3000, step * 3000 + (2000 if step == 4 else 2))})
        lake.append("bronze/x", frame, step=str(step), **BY)
    before = lake.scan("bronze/x").collect()["n"].to_list()
    done = tending.compact(reopen(), "bronze/x", **BY)
    assert (done.files_before, done.files_after) == (9, 3)
    assert reopen().scan("bronze/x").collect()["n"].to_list() == before
    lake.append("bronze/x", pl.DataFrame({"n": [-1]}), step="after", **BY)
    assert reopen().scan("bronze/x").collect()["n"].to_list() == [*before, -1]


def test_compaction_keeps_the_order_within_a_day(lake: Lake, reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_SMALL", 3000)
    for step in range(9):
        frame = pl.DataFrame({"n": range(step * 3000, step * 3000 + (2000 if step == 4 else 2))})
        lake.append(TABLE, frame.with_columns(at=T0), step=str(step), day_of="at", **BY)
    before = lake.scan(TABLE).collect()["n"].to_list()
    assert tending.compact(reopen(), TABLE, **BY).files_after == 3
    assert reopen().scan(TABLE).collect()["n"].to_list() == before


def test_a_crash_after_the_commit_of_a_compaction_is_adopted(ten: Lake, reopen: Reopen) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kreis.lake.commit._acknowledge", crash)
        with pytest.raises(KeyboardInterrupt):
            tending.compact(reopen(), TABLE, **BY)
    assert numbers(reopen()) == list(range(20))
    assert len(reopen().files(TABLE)) == 11
    assert reopen().version(TABLE, 10).fingerprint == ten.version(TABLE, 9).fingerprint
    assert reopen().check(deep=True).findings == []


def test_expired_versions_and_their_files_leave_on_record(
    ten: Lake, reopen: Reopen, tmp_path: Path, ledger: Ledger
) -> None:
    tending.compact(reopen(), TABLE, **BY)
    before, old = on_disk(tmp_path), ledger.clock.now() - 3.5 * DAY
    planned = tending.expire(reopen(), TABLE, old, keep={2}, dry_run=True, **BY)
    assert (planned.versions, planned.kept) == (5, [2])
    assert on_disk(tmp_path) == before
    assert tending.expire(reopen(), TABLE, old, keep={2}, **BY) == planned
    assert [numbers(reopen(), version) for version in (2, 6, 10)] == [list(range(6)), list(range(14)), list(range(20))]
    with pytest.raises(ProjectError, match="version 3 of log/x was expired on 2013-05-11: test"):
        reopen().scan(TABLE, 3)
    report = reopen().check(deep=True)
    assert report.findings == []
    assert [(each.why, each.versions) for each in report.removals] == [("expired", [(0, 1), (3, 5)])]
    assert DeltaTable(tmp_path / "lake" / TABLE).version() == 10
    assert reopen().append(TABLE, ten.scan(TABLE, 10).collect().clear(), step="more", **BY).version == 11
    ledger.clock.advance(ledger.clock.now() + 9 * DAY)  # type: ignore[attr-defined]
    tending.expire(reopen(), TABLE, ledger.clock.now(), **BY)
    assert on_disk(tmp_path) == set(reopen().files(TABLE))
    assert numbers(reopen()) == list(range(20))
    assert reopen().check(deep=True).findings == []


def test_commits_stay_where_the_log_could_not_be_summed_up(ten: Lake, reopen: Reopen, tmp_path: Path) -> None:
    def full(storage: FolderStorage, key: str, data: bytes) -> None:
        raise OSError("the disk is full")

    tending.compact(reopen(), TABLE, **BY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderStorage, "put", full)
        tending.expire(reopen(), TABLE, T0 + 30 * DAY, **BY)
    assert on_disk(tmp_path) == set(reopen().files(TABLE))
    assert sorted(pl.scan_delta(str(tmp_path / "lake" / TABLE)).collect()["n"]) == list(range(20))
    assert numbers(reopen()) == list(range(20))
    assert reopen().check(deep=True).ok


def test_what_reaches_farthest_is_among_what_is_there(ten: Lake, reopen: Reopen) -> None:
    earlier = ten.scan(TABLE, 2).collect()
    ten.overwrite(TABLE, earlier, step="of an earlier day", known_until=T0 + 2 * DAY, **BY)
    tending.erase_rows(reopen(), TABLE, pl.col("who") == "p9", **BY)
    found = reopen().farthest(TABLE)
    assert found is not None
    assert found.version == 8
    assert numbers(reopen(), found.version) == list(range(18))


def test_the_newest_version_never_leaves(ten: Lake, ledger: Ledger) -> None:
    with ledger.read() as connection:
        versions = versions_of(connection, TABLE)
    going = maintenance.leaving(versions, lambda each: True, set())
    assert (going.versions, going.files) == (list(range(9)), [])


def test_a_file_of_no_day_leaves_when_all_its_rows_were_known_before(lake: Lake, reopen: Reopen) -> None:
    midnight = datetime(2013, 5, 4, tzinfo=UTC)
    for step, known in enumerate([midnight - timedelta(microseconds=1), midnight, None]):
        lake.append(TABLE, pl.DataFrame({"n": [step]}), step=str(step), known_until=known, **BY)
    assert tending.drop_days(reopen(), TABLE, midnight.date(), **BY).rows == 1
    assert numbers(reopen()) == [1, 2]


def test_a_rewrite_of_files_that_are_not_there_is_set_aside(ten: Lake, reopen: Reopen, ledger: Ledger) -> None:
    folder = TableFolder(ten.storage, TABLE)
    forged = Commit(added=[], removed=frozenset({"another.parquet"}), mode="rewrite", step="x")
    publish(folder, 10, compose(forged, at=ledger.clock.now(), first=False))
    assert numbers(reopen()) == list(range(20))
    assert reopen().latest(TABLE).version == 9  # type: ignore[union-attr]


def test_a_file_that_no_record_explains_is_damage(ten: Lake, reopen: Reopen, tmp_path: Path) -> None:
    tending.compact(reopen(), TABLE, **BY)
    tending.expire(reopen(), TABLE, T0 + 30 * DAY, **BY)
    path = tmp_path / "lake" / TABLE / reopen().files(TABLE)[0]
    path.unlink()
    assert [(each.kind, each.path) for each in reopen().check(deep=True).findings] == [("file gone", str(path))]


def test_what_an_interrupted_removal_left_is_swept(ten: Lake, reopen: Reopen, tmp_path: Path) -> None:
    def crash(_: FolderStorage, keys: Iterable[str]) -> None:
        if list(keys):
            raise KeyboardInterrupt

    tending.compact(reopen(), TABLE, **BY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderStorage, "delete", crash)
        with pytest.raises(KeyboardInterrupt):
            tending.expire(reopen(), TABLE, T0 + 30 * DAY, **BY)
    report = reopen().check(deep=True)
    assert report.ok
    assert {each.kind for each in report.findings} == {"leftover"}
    assert reopen().repair().ok
    assert on_disk(tmp_path) == set(reopen().files(TABLE))
    assert reopen().check(deep=True).findings == []


def test_days_are_dropped_whole(ten: Lake, reopen: Reopen, tmp_path: Path) -> None:
    first = date(2013, 5, 4)
    done = tending.drop_days(reopen(), TABLE, first, **BY)
    assert (done.rows, done.files_before, done.files_after) == (7, 20, 13)
    left = reopen().scan(TABLE).collect()
    assert left["at"].dt.date().min() == first
    assert left.height == 13
    assert reopen().latest(TABLE).rows == 13  # type: ignore[union-attr]
    tending.expire(reopen(), TABLE, T0 + 30 * DAY, **BY)
    assert on_disk(tmp_path) == set(reopen().files(TABLE))
    assert sorted(pl.scan_delta(str(tmp_path / "lake" / TABLE)).collect()["n"]) == sorted(left["n"])
    assert reopen().check(deep=True).findings == []


def test_erased_rows_are_in_no_file_and_no_version(ten: Lake, reopen: Reopen, tmp_path: Path, ledger: Ledger) -> None:
    theirs = pl.col("who") == "p7"
    assert tending.files_with(reopen(), TABLE, theirs)[1] == 1
    done = tending.erase_rows(reopen(), TABLE, theirs, **BY)
    assert (done.rows, done.versions) == (1, 3)
    assert tending.files_with(reopen(), TABLE, theirs) == (set(), 0)
    frames = [pl.read_parquet(path) for path in (tmp_path / "lake" / TABLE).glob("*.parquet")]
    assert "p7" not in pl.concat(frames)["who"].to_list()
    assert numbers(reopen()) == [each for each in range(20) if each != 14]
    assert numbers(reopen(), 6) == list(range(14)), "versions that never held the rows stay"
    with pytest.raises(ProjectError, match="was erased"):
        reopen().scan(TABLE, 9)
    assert [each for each in events(ledger) if "erased" in each] == ["lake.rows_erased", "lake.erased"]
    assert sorted(pl.scan_delta(str(tmp_path / "lake" / TABLE)).collect()["n"]) == numbers(reopen())
    assert reopen().check(deep=True).findings == []
    assert tending.erase_rows(reopen(), TABLE, theirs, **BY).versions == 0
