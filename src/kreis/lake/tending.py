"""A lake's upkeep, table by table: compaction, retention, the removal of rows. All of it under a table's lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import msgspec
import polars as pl

from kreis.durable import storing
from kreis.errors import ProjectError
from kreis.lake import maintenance
from kreis.lake.files import Verifier
from kreis.lake.layout import TableFolder
from kreis.lake.log import schema_in
from kreis.lake.recovery import settle
from kreis.lake.state import TableState
from kreis.lake.store import Lake
from kreis.ledger.records import TableVersion
from kreis.ledger.store import Ledger
from kreis.ledger.tables import checkpoint_of, list_tables, removals_of, versions_of
from kreis.locks import holding

__all__ = ["Tended", "columns_of", "compact", "drop_days", "erase_rows", "expire", "files_with", "rows_with"]


class Tended(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a table, or would be."""

    table: str
    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    """Rows that went."""
    versions: int = 0
    """Versions that went."""
    files: int = 0
    """Files that were deleted."""
    size: int = 0
    """Bytes that they had."""
    kept: list[int] = []
    """Old versions that stay because something rests on them."""


def compact(lake: Lake, table: str, *, actor: str, reason: str, dry_run: bool = False) -> Tended:
    """Put the rows of many small files into few; the same rows in the same order. Versions before keep theirs.

    In a table that is kept by day the rows of each day keep their order, and the days come one after another.

    Raises:
        CorruptionError: a file is damaged; nothing has changed.
    """
    with _table(lake, table) as (folder, state):
        groups = maintenance.small_files(state)
        merged = sum(map(len, groups))
        done = Tended(table=table, files_before=len(state.files), files_after=len(state.files) - merged + len(groups))
        if groups and not dry_run:
            added = maintenance.merge(folder, state, groups, Verifier())
            gone = [data for group in groups for data in group]
            maintenance.replace(
                folder, lake.ledger, state, gone, added, actor=actor, reason=reason, event="lake.compacted",
                data_change=False,
            )  # fmt: skip
        return done


def drop_days(lake: Lake, table: str, first: date, *, actor: str, reason: str, dry_run: bool = False) -> Tended:
    """Take the days before one out of a table that is kept by day; `expire` deletes their files."""
    with _table(lake, table) as (folder, state):
        gone = maintenance.days_before(state, first)
        if gone and not dry_run:
            maintenance.replace(
                folder, lake.ledger, state, gone, [], actor=actor, reason=reason, event="lake.days_dropped"
            )
        return Tended(
            table=table,
            rows=sum(data.file.rows for data in gone),
            files_before=len(state.files),
            files_after=len(state.files) - len(gone),
        )


def expire(
    lake: Lake,
    table: str,
    before: datetime | None,
    *,
    keep: Collection[int] = (),
    actor: str,
    reason: str,
    dry_run: bool = False,
) -> Tended:
    """Delete the versions that were replaced before a moment, and the files that no other version needs.

    Args:
        lake: The lake.
        table: Its table.
        before: What the table was at this moment, or later, can still be read; None for the newest version alone.
        keep: Versions that stay in any case.
        actor: Who, for the record.
        reason: Why, for the record.
        dry_run: Only say what would go.
    """
    with _table(lake, table) as (folder, state):
        versions, gone = _history(lake.ledger, table)
        old = [each.version for each in versions if before is None or each.at < before]
        last = old[-1] if old else -1
        going = maintenance.leaving(versions, lambda each: each.version < last and each.version not in keep, gone)
        if not dry_run:
            maintenance.remove(folder, lake.ledger, state, going, why="expired", actor=actor, reason=reason)
        kept = [number for number in sorted(keep) if number < last and number not in gone]
        return _tended(table, going, kept)


def files_with(lake: Lake, table: str, theirs: pl.Expr) -> tuple[set[str], int]:
    """The files of all versions that hold some rows, and how many such rows the newest version has.

    Args:
        lake: The lake.
        table: Its table.
        theirs: True for the rows that are looked for; columns that a file lacks are null.

    Raises:
        CorruptionError: a file is damaged: it cannot be said whether it holds some.
    """
    newest = set(lake.files(table))
    held, rows = set(), 0
    for path, frame in rows_with(lake, table, theirs):
        held.add(path)
        rows += len(frame) if path in newest else 0
    return held, rows


def rows_with(lake: Lake, table: str, theirs: pl.Expr) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows that are looked for, file by file: those of all versions that are there. See `files_with`."""
    folder, verifier = TableFolder(lake.storage, table), Verifier()
    schema = lake.schema(table)
    versions, gone = _history(lake.ledger, table)
    for file, first, end in maintenance.lives(versions):
        if all(number in gone for number in range(first, end)):
            continue
        verifier.verify(folder, file, where=f"lake {table}, version {first}")
        frame = pl.read_parquet(lake.storage.source(folder.file(file.path)))
        found = frame.filter(maintenance.rows_of(frame, theirs, schema))
        if len(found):
            yield file.path, found


def columns_of(lake: Lake, table: str) -> dict[str, list[pl.DataType]]:
    """The columns that a table has in any version that is there, with the types that they have."""
    versions, gone = _history(lake.ledger, table)
    found: dict[str, list[pl.DataType]] = {}
    schema = pl.Schema()
    for version in versions:
        said = schema_in(version.commit)
        schema = schema if said is None else said[0]
        if version.version not in gone:
            for name, kind in schema.items():
                kinds = found.setdefault(name, [])
                kinds += [] if kind in kinds else [kind]
    return found


def erase_rows(lake: Lake, table: str, theirs: pl.Expr, *, actor: str, reason: str) -> Tended:
    """Write the files that hold some rows anew without them, and delete every earlier version that held them.

    Args:
        lake: The lake.
        table: Its table.
        theirs: True for the rows that go.
        actor: Who, for the record.
        reason: Why, for the record; must not say whose rows they are.
    """
    holding_files, _ = files_with(lake, table, theirs)
    if not holding_files:
        return Tended(table=table)
    with _table(lake, table) as (folder, state):
        held, added, rows = maintenance.without(folder, state, theirs, Verifier())
        if held:
            state = maintenance.replace(
                folder, lake.ledger, state, held, added, actor=actor, reason=reason, event="lake.rows_erased"
            )
        versions, gone = _history(lake.ledger, table)
        names = holding_files | {data.file.path for data in held}
        spans = [(first, end) for file, first, end in maintenance.lives(versions) if file.path in names]
        going = maintenance.leaving(
            versions, lambda each: any(first <= each.version < end for first, end in spans), gone
        )
        maintenance.remove(folder, lake.ledger, state, going, why="erased", actor=actor, reason=reason)
        return msgspec.structs.replace(_tended(table, going, []), rows=rows)


def _tended(table: str, going: maintenance.Leaving, kept: list[int]) -> Tended:
    return Tended(
        table=table,
        versions=len(going.versions),
        files=len(going.files),
        size=sum(file.size for file in going.files),
        kept=kept,
    )


def _history(ledger: Ledger, table: str) -> tuple[list[TableVersion], set[int]]:
    with ledger.read() as connection:
        versions, removals = versions_of(connection, table), removals_of(connection, table)
    spans = [span for removal in removals for span in removal.versions]
    return versions, {number for first, last in spans for number in range(first, last + 1)}


@contextmanager
def _table(lake: Lake, table: str) -> Iterator[tuple[TableFolder, TableState]]:
    """A table that nobody else writes, and its newest state."""
    folder = TableFolder(lake.storage, table)
    with storing(f"lake {table}"), holding(lake.storage.lock(table)):
        _, state = settle(folder, lake.ledger)
        with lake.ledger.read() as connection:
            if state is None:
                raise ProjectError.unknown_name("table", table, list_tables(connection), where="lake")
            recorded = checkpoint_of(connection, table)
        yield folder, msgspec.structs.replace(state, checkpoint=-1 if recorded is None else recorded.version)
