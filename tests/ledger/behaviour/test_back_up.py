"""A backup is the ledger, digest for digest, and comes back as it was."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kreis.clock import SimulatedClock
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.ledger import audit, backup, chain, head, releases, schema
from kreis.ledger.records import Route
from kreis.ledger.store import Ledger, open_ledger

WHO = {"actor": "ann", "reason": "the disk was replaced"}


def contents(ledger: Ledger) -> dict[str, Any]:
    with ledger.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in schema.metadata.sorted_tables
        }


@pytest.fixture
def empty_place(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a ledger of the same kind may be restored to."""
    return request.getfixturevalue("postgres_server").empty_schema() if "://" in place else tmp_path / "new" / "l.db"


def put_back(place: str | Path, path: Path, head_at: Path, clock: SimulatedClock) -> backup.Restored:
    head_at.parent.mkdir(exist_ok=True)
    return backup.restore(place, path, clock=clock, head_at=head_at, after=lambda _: {"release": 7}, **WHO)


def test_backup_is_the_ledger_and_comes_back_so(
    filled: Ledger, tmp_path: Path, empty_place: str | Path, clock: SimulatedClock
) -> None:
    before = contents(filled)
    made = backup.back_up(filled, tmp_path / "copy.db")
    assert made.entries == 15
    assert made.sha256 == hashlib.sha256((tmp_path / "copy.db").read_bytes()).hexdigest()
    assert (tmp_path / "copy.db.sha256").read_text() == f"{made.sha256}  copy.db\n"
    assert contents(filled) == before
    head_at = tmp_path / "new" / "head"
    restored = put_back(empty_place, tmp_path / "copy.db", head_at, clock)
    assert (restored.backup.head, restored.held, restored.aside) == (made.head, None, [])
    with open_ledger(empty_place, clock=clock, create=False, head_at=head_at) as ledger:
        after = contents(ledger)
        with ledger.read() as connection:
            assert audit.verify(connection, head=made.head).ok
            assert head.read(head_at) == (16, audit.head(connection))
        assert (after["audit"].pop()[3], after) == ("ledger.restored", before)


def test_release_after_a_restore_has_a_number_that_was_never_in_service(
    filled: Ledger, tmp_path: Path, empty_place: str | Path, clock: SimulatedClock
) -> None:
    backup.back_up(filled, tmp_path / "copy.db")
    head_at = tmp_path / "new" / "head"
    put_back(empty_place, tmp_path / "copy.db", head_at, clock)
    with open_ledger(empty_place, clock=clock, create=False, head_at=head_at) as ledger:
        with ledger.read() as connection:
            routes: list[Route] = releases.current_release(connection, "flights").routes
        with ledger.record(event="release", subject="s", actor="a", reason="r") as tx:
            assert releases.add_release(tx, project="flights", routes=routes).number == 8
        with ledger.record(event="release", subject="s", actor="a", reason="r") as tx:
            assert releases.add_release(tx, project="flights", routes=routes).number == 9


def test_backup_never_replaces_a_file(filled: Ledger, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(ProjectError, match="exists already"):
        backup.back_up(filled, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_damaged_ledger_is_not_backed_up(filled: Ledger, tmp_path: Path) -> None:
    with filled.copying() as connection:
        connection.execute(schema.runs.update().values(trigger="mine"))
    with pytest.raises(CorruptionError, match="is not whole: runs: row"):
        backup.back_up(filled, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize("beside", [True, False])
def test_damaged_backup_is_refused_and_leaves_the_place_as_it_is(
    filled_file: Ledger, tmp_path: Path, clock: SimulatedClock, beside: bool
) -> None:
    """Bits flipped anywhere, with the digest file and without it."""
    backup.back_up(filled_file, tmp_path / "copy.db")
    held = contents(filled_file)
    filled_file.close()
    if not beside:
        (tmp_path / "copy.db.sha256").unlink()
    whole = (tmp_path / "copy.db").read_bytes()
    for seed in range(30):
        data = bytearray(whole)
        bit = random.Random(seed).randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / "copy.db").write_bytes(data)
        place = tmp_path / f"new-{seed}" / "ledger.db"
        place.parent.mkdir()
        try:
            put_back(place, tmp_path / "copy.db", place.with_name("head"), clock)
        except StoreError:
            assert [*place.parent.iterdir()] == []
        else:
            assert not beside, f"seed {seed}"
            with open_ledger(place, clock=clock, head_at=place.with_name("head")) as ledger:
                assert {**contents(ledger), "audit": held["audit"]} == held, f"seed {seed}"


def test_what_stands_in_the_place_is_moved_aside(filled_file: Ledger, tmp_path: Path, clock: SimulatedClock) -> None:
    backup.back_up(filled_file, tmp_path / "copy.db")
    with filled_file.record(event="after", subject="s", actor="a", reason="r"):
        pass
    filled_file.close()
    place = tmp_path / "ledger.db"
    place.write_bytes(b"damaged")
    restored = put_back(place, tmp_path / "copy.db", tmp_path / "ledger.db-head", clock)
    assert restored.held is not None
    assert restored.held.position == 16
    (aside,) = restored.aside
    assert Path(aside).read_bytes() == b"damaged"
    with open_ledger(place, clock=clock) as ledger, ledger.read() as connection:
        newest = list(audit.entries(connection))[-1]
        assert newest.outputs["held"]["position"] == 16
        assert newest.outputs["backup"] == restored.backup.sha256
        assert audit.verify(connection).ok


def test_database_that_holds_a_ledger_is_not_filled(filled: Ledger, place: str, tmp_path: Path, clock) -> None:
    if "://" not in place:
        pytest.skip("a file is moved aside")
    backup.back_up(filled, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="holds a ledger already"):
        put_back(place, tmp_path / "copy.db", tmp_path / "head", clock)


def test_loss_is_accepted_on_record(filled_file: Ledger, tmp_path: Path, clock: SimulatedClock) -> None:
    filled_file.close()
    path, at = tmp_path / "ledger.db", tmp_path / "ledger.db-head"
    old = path.read_bytes()
    with open_ledger(path, clock=clock) as ledger, ledger.record(event="lost", subject="s", actor="a", reason="r"):
        pass
    path.write_bytes(old)
    with pytest.raises(CorruptionError, match="was acknowledged"):
        open_ledger(path, clock=clock)
    take: Callable[..., Any] = backup.accept_loss
    with open_ledger(path, clock=clock, heed_head=False) as ledger:
        last, held = take(ledger, after=lambda _: {}, **WHO)
    assert (last, held.position) == (15, 16)
    with open_ledger(path, clock=clock) as ledger, ledger.read() as connection:
        assert audit.verify(connection).ok
        assert [entry.event for entry in audit.entries(connection, after=15)] == [chain.LOSSES[1]]
        assert head.read(at) == (16, audit.head(connection))
