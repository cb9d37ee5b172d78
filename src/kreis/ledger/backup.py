"""A verified copy of the ledger in one file, and the way back from it.

A backup is itself a ledger in SQLite, whatever holds the original: a row reads back byte for byte on either database,
so its digest, the chain over all digests and the head are the same. Beside it stands its SHA-256, as `sha256sum -c`
reads it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Select, Table, insert, inspect, select

from kreis.clock import Clock
from kreis.digests import digest_of_file
from kreis.durable import fsync_directory, fsync_file, storing, write_durably
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.ledger import audit, chain, head, revision, schema
from kreis.ledger.backends import sqlite
from kreis.ledger.rows import stored_rows
from kreis.ledger.store import Ledger, open_ledger

__all__ = ["Backup", "Restored", "accept_loss", "back_up", "restore"]

_AT_ONCE = 500
"""Rows that are copied together."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a ledger that was read back and found whole."""

    path: str
    sha256: str
    entries: int
    head: str
    """Hash of its newest entry."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did."""

    backup: Backup
    held: head.Head | None
    """How far the ledger went before it was lost, where its head is left."""
    aside: list[str]
    """Where the files are that stood in its place."""


def back_up(ledger: Ledger, path: Path) -> Backup:
    """Copy a ledger into a file, and verify the copy: the chain and every row's digest. Its schema stays as it is.

    Args:
        ledger: the ledger; others may go on recording meanwhile.
        path: the backup's file, which must not exist yet.

    Raises:
        ProjectError: the file exists.
        CorruptionError: the ledger is damaged, so that its copy would be.
        StoreError: the disk refused; no file is left behind.
    """
    if path.exists():
        raise ProjectError(
            "the file exists already", where=str(path), hint="a backup never replaces another: choose a new name"
        )
    with storing(f"backup {path}"):
        with ledger.read() as connection:
            sqlite.create(path, lambda copy: _copy(connection, copy))
            held = audit.head(connection)
        try:
            with open_ledger(path, clock=ledger.clock, create=False, heed_head=False) as copy:
                made = _verified(copy, path)
            if made.head != held:
                raise CorruptionError("the copy is not the ledger", where=str(path), hint="try again")
            write_durably(_digest_file(path), f"{made.sha256}  {path.name}\n".encode())
        except BaseException:
            path.unlink()
            raise
    return made


def restore(
    place: str | Path,
    path: Path,
    *,
    clock: Clock,
    head_at: Path,
    actor: str,
    reason: str,
    after: Callable[[Ledger], Mapping[str, Any]],
) -> Restored:
    """Put a backup in the place of a ledger that is gone or damaged; what is there is moved aside, never deleted.

    Args:
        place: the ledger's file, or the URL of an empty PostgreSQL database.
        path: the backup.
        clock: says what time it is.
        head_at: where the ledger's head is kept.
        actor: who, for the record.
        reason: why, for the record.
        after: asked, with the restored ledger, what is known of the time after it; goes on record.

    Raises:
        CorruptionError: the backup is damaged.
        StoreError: the disk or the database refused.
    """
    held = head.read(head_at)
    with tempfile.TemporaryDirectory(prefix=".kreis-restore-", dir=head_at.parent) as folder, storing(f"backup {path}"):
        staged = Path(folder) / "ledger.db"
        _check_digest(path)
        shutil.copyfile(path, staged)
        with open_ledger(staged, clock=clock, heed_head=False) as whole:
            backup = _verified(whole, path)
            if whole.is_older():
                whole.migrate(actor=actor, reason="restored from an earlier kreis", inputs={"backup": backup.sha256})
                backup = _verified(whole, path)
        moved: list[Path] = []
        if isinstance(place, Path):
            fsync_file(staged)
            moved = _aside(place, clock)
            staged.rename(place)
            fsync_directory(place.parent)
        with open_ledger(place, clock=clock, head_at=head_at, heed_head=False) as ledger:
            if not isinstance(place, Path):
                _fill(ledger, staged)
            if _verified(ledger, path).head != backup.head:
                raise CorruptionError("what was restored is not what the backup holds", where=ledger.where)
            outputs = {**after(ledger), "backup": backup.sha256, "held": None if held is None else held._asdict()}
            _note_loss(ledger, chain.LOSSES[0], actor, reason, outputs)
    return Restored(backup=backup, held=held, aside=[str(each) for each in moved])


def accept_loss(
    ledger: Ledger, *, actor: str, reason: str, after: Callable[[Ledger], Mapping[str, Any]]
) -> tuple[int, head.Head | None]:
    """Go on, on record, from a ledger that lacks what was acknowledged and of which there is no backup.

    Args:
        ledger: opened without heeding its head.
        actor: who, for the record.
        reason: why, for the record.
        after: asked, with the ledger, what is known of the time that is lost; goes on record.

    Returns:
        The last entry that is left, and the head that was held.
    """
    held = head.read(ledger.head_at) if ledger.head_at is not None else None
    with ledger.read() as connection:
        last, _ = chain.last(connection) or (0, chain.GENESIS)
    outputs = {**after(ledger), "held": None if held is None else held._asdict()}
    _note_loss(ledger, chain.LOSSES[1], actor, reason, outputs)
    return last, held


def _aside(path: Path, clock: Clock) -> list[Path]:
    """Move a ledger's files to names of their own."""
    moved = []
    for end in ("", "-wal", "-shm"):
        found = path.with_name(path.name + end)
        if os.path.lexists(found):
            moved.append(found.rename(path.with_name(f"{path.name}-aside-{clock.now():%Y%m%dT%H%M%S%f}{end}")))
    return moved


def _note_loss(ledger: Ledger, event: str, actor: str, reason: str, outputs: Mapping[str, Any]) -> None:
    with ledger.record(event=event, subject="ledger", actor=actor, reason=reason, outputs=outputs):
        pass
    if ledger.head_at is not None:
        with ledger.read() as connection:
            position, newest = chain.last(connection) or (0, chain.GENESIS)
        head.reset(ledger.head_at, head.Head(position, newest))


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _check_digest(path: Path) -> None:
    noted = _digest_file(path)
    if noted.exists() and noted.read_text(errors="replace").split()[:1] != [digest_of_file(path)]:
        raise CorruptionError(
            f"is not the file whose digest stands in {noted.name}",
            where=f"backup {path}",
            hint="take an older backup",
        )


def _verified(copy: Ledger, path: Path) -> Backup:
    with copy.read() as connection:
        report = audit.verify(connection)
    if not report.ok:
        more = f" (and {len(report.problems) - 1} more)" if report.problems[1:] else ""
        raise CorruptionError(
            f"is not whole: {report.problems[0].what}{more}",
            where=f"backup {path}",
            hint="look at the ledger with `kreis audit verify`, or take an older backup",
        )
    return Backup(path=str(path), sha256=digest_of_file(path), entries=report.entries, head=report.head)


def _fill(ledger: Ledger, path: Path) -> None:
    with sqlite.leaving_the_log(path) as source, ledger.copying() as target:
        if chain.last(target) is not None:
            raise StoreError(
                "the database holds a ledger already", where=ledger.where, hint="give it an empty database or schema"
            )
        _copy_rows(source, target)


def _copy(source: Connection, target: Connection) -> None:
    revision.upgrade(target, where="backup", to=revision.current(source) or revision.HEAD)
    _copy_rows(source, target)


def _copy_rows(source: Connection, target: Connection) -> None:
    inspector = inspect(target)
    present = set(inspector.get_table_names())
    for table in schema.metadata.sorted_tables:
        if table.name not in present:  # of a later schema than the target's
            continue
        columns = [table.c[each["name"]] for each in inspector.get_columns(table.name)]
        rows: list[dict[str, object]] = []
        for row in stored_rows(source, _in_order(table, columns)):
            rows.append(dict(row))
            if len(rows) == _AT_ONCE:
                target.execute(insert(table), rows)
                rows.clear()
        if rows:
            target.execute(insert(table), rows)


def _in_order(table: Table, columns: list[Column[Any]]) -> Select[Any]:
    """All rows; a release comes after the one before it."""
    order = [table.c.project, table.c.number] if table is schema.releases else list(table.primary_key)
    return select(*columns).order_by(*order)
