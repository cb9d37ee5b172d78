"""One commit to a table: data file, log, ledger, in this order, each on disk before the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
import polars as pl

from kreis.durable import storing
from kreis.errors import ContractError
from kreis.lake.files import write_data_file
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, Mode, compose, publish
from kreis.lake.schema import SchemaChange, compare
from kreis.lake.state import TableState, advance, following
from kreis.ledger.records import LakeFile, TableVersion
from kreis.ledger.store import Ledger
from kreis.ledger.tables import add_table_version

__all__ = ["Intent", "commit_files", "commit_frame", "fit", "frames_by_day"]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written, and on whose word."""

    mode: Mode
    step: str
    actor: str
    reason: str
    run: str | None = None
    known_until: datetime | None = None
    evolve: bool = False
    day_of: str | None = None
    """The column by whose day (UTC) the rows are kept apart."""
    event: str = ""
    """What the record calls it, where it is neither an append nor an overwrite."""


def fit(frame: pl.DataFrame, state: TableState | None, intent: Intent, table: str) -> tuple[pl.DataFrame, pl.Schema]:
    """The frame in the table's order of columns, and the schema that the table will have.

    Raises:
        ContractError: an append with another schema; names the columns.
    """
    if state is None or intent.mode == "overwrite":
        return frame, frame.schema
    change = compare(state.schema, frame.schema)
    if change.removed or change.retyped or (change.added and not intent.evolve):
        raise ContractError(f"the frame does not have the table's schema: {change}", where=table, hint=_hint(change))
    schema = pl.Schema({**state.schema, **{name: frame.schema[name] for name in change.added}})
    return (frame if frame.columns == schema.names() else frame.select(schema.names())), schema


def _hint(change: SchemaChange) -> str:
    hints = []
    if change.retyped:
        casts = ", ".join(f"{name} to {old}" for name, (old, _) in change.retyped.items())
        hints.append(f"cast {casts}, or overwrite the table to change its types (widening is never silent)")
    if change.removed:
        hints.append("fill removed columns with nulls")
    if change.added:
        hints.append("pass evolve=True to add new columns; older rows read as null")
    return "; ".join(hints)


def commit_frame(
    folder: TableFolder, ledger: Ledger, state: TableState | None, frame: pl.DataFrame, intent: Intent
) -> TableState:
    """Write a fitting frame as the version after `state`; acknowledged when it returns. The caller holds the lock.

    Returns:
        The table's new state.

    Raises:
        FileExistsError: another writer, not kreis, has taken the version.
        StoreError: the ledger refused; the commit was taken back.
        OSError: the disk is full or read-only; nothing was committed.
    """
    frame, schema = fit(frame, state, intent, folder.table)
    number = state.version.version + 1 if state else 0
    files = _write_files(folder, number, frame, intent) if frame.height else []
    commit = Commit(
        added=files,
        removed=state.names if state and intent.mode == "overwrite" else frozenset(),
        schema=None if state and state.schema == schema and schema.names() == state.schema.names() else schema,
        mode=intent.mode,
        step=intent.step,
        run=intent.run,
        known_until=intent.known_until,
    )
    return commit_files(folder, ledger, state, commit, intent)


def commit_files(
    folder: TableFolder, ledger: Ledger, state: TableState | None, commit: Commit, intent: Intent
) -> TableState:
    """Commit files that are written already as the version after `state`; otherwise as `commit_frame`."""
    number = state.version.version + 1 if state else 0
    at = ledger.clock.now()
    text = compose(commit, at=at, first=state is None, table_id=state.table_id if state else None)
    try:
        publish(folder, number, text)
    except OSError:
        folder.storage.delete(folder.file(file.path) for file in commit.added)
        raise
    version = following(state, folder.table, commit, text, step=commit.step or intent.step, at=at)
    change = compare(state.schema, commit.schema) if state and commit.schema is not None else None
    _acknowledge(folder, ledger, version, intent, change)
    return advance(state, [version])


def _write_files(folder: TableFolder, number: int, frame: pl.DataFrame, intent: Intent) -> list[LakeFile]:
    """The frame's rows in files: one, or one for each day."""
    if intent.day_of is None:
        return [write_data_file(folder, number, frame)]
    files = []
    try:
        for day, rows in frames_by_day(frame, intent.day_of):
            files.append(write_data_file(folder, number, rows, day=day))
    except BaseException:
        folder.storage.delete(folder.file(file.path) for file in files)
        raise
    return files


def frames_by_day(frame: pl.DataFrame, column: str) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """The rows of each day (UTC) on which a column's times lie, each in order and in one chunk."""
    days = frame.get_column(column).dt.date()
    if days.n_unique() == 1 and days[0] is not None:
        yield str(days[0]), frame
        return
    for (day,), rows in frame.group_by(days.alias("_day"), maintain_order=True):
        yield None if day is None else str(day), rows.rechunk()


def _acknowledge(
    folder: TableFolder, ledger: Ledger, version: TableVersion, intent: Intent, change: SchemaChange | None
) -> None:
    """Record the commit. If the ledger refuses, the commit file goes; should it have recorded it after all, the
    file is restored from there, so the data file stays.
    """
    outputs = {"version": version.version, "rows": version.rows, "fingerprint": version.fingerprint}
    try:
        with ledger.record(
            event=intent.event or ("lake.appended" if version.mode == "append" else "lake.overwritten"),
            subject=version.table,
            actor=intent.actor,
            reason=intent.reason,
            inputs={"step": version.step, "run": version.run},
            outputs={**outputs, "schema": msgspec.to_builtins(change)} if change else outputs,
        ) as tx:
            add_table_version(tx, version)
    except Exception:
        with storing(f"lake {version.table}"):
            folder.storage.delete([folder.commit(version.version)])
        raise
