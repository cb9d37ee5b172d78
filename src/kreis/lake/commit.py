"""One commit to a table: data file, log, ledger, in this order, each on disk before the next."""

from __future__ import annotations

from datetime import datetime

import msgspec
import polars as pl

from kreis.durable import fsync_directory, storing
from kreis.errors import ContractError
from kreis.lake.files import write_data_file
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, Mode, compose, publish
from kreis.lake.schema import SchemaChange, compare
from kreis.lake.state import TableState, following
from kreis.ledger.records import TableVersion
from kreis.ledger.store import Ledger
from kreis.ledger.tables import add_table_version

__all__ = ["Intent", "commit_frame", "fit"]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written, and on whose word."""

    mode: Mode
    step: str
    actor: str
    reason: str
    run: str | None = None
    known_until: datetime | None = None
    evolve: bool = False


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
) -> TableVersion:
    """Write a fitting frame as the version after `state`; acknowledged when it returns. The caller holds the lock.

    Raises:
        FileExistsError: another writer, not kreis, has taken the version.
        StoreError: the ledger refused; the commit was taken back.
        OSError: the disk is full or read-only; nothing was committed.
    """
    frame, schema = fit(frame, state, intent, folder.table)
    number = state.version.version + 1 if state else 0
    if state is None:  # another process may have made the folders and not yet brought their entries to disk
        for directory in (folder.path, *list(folder.path.parents)[:3]):
            fsync_directory(directory)
    at = ledger.clock.now()
    files = [write_data_file(folder.path, number, frame)] if frame.height else []
    commit = Commit(
        added=files,
        removed=state.names if state and intent.mode == "overwrite" else frozenset(),
        schema=None if state and state.schema == schema and schema.names() == state.schema.names() else schema,
        mode=intent.mode,
        step=intent.step,
        run=intent.run,
        known_until=intent.known_until,
    )
    text = compose(commit, at=at, first=state is None, table_id=state.table_id if state else None)
    try:
        publish(folder, number, text)
    except OSError:
        for file in files:
            (folder.path / file.path).unlink(missing_ok=True)
        raise
    version = following(state, folder.table, commit, text, step=intent.step, at=at)
    _acknowledge(folder, ledger, version, intent, compare(state.schema, schema) if state else None)
    return version


def _acknowledge(
    folder: TableFolder, ledger: Ledger, version: TableVersion, intent: Intent, change: SchemaChange | None
) -> None:
    """Record the commit. If the ledger refuses, the commit file goes; should it have recorded it after all, the
    file is restored from there, so the data file stays.
    """
    outputs = {"version": version.version, "rows": version.rows, "fingerprint": version.fingerprint}
    try:
        with ledger.record(
            event="lake.appended" if version.mode == "append" else "lake.overwritten",
            subject=version.table,
            actor=intent.actor,
            reason=intent.reason,
            inputs={"step": version.step, "run": version.run},
            outputs={**outputs, "schema": msgspec.to_builtins(change)} if change else outputs,
        ) as tx:
            add_table_version(tx, version)
    except Exception:
        with storing(f"lake {version.table}"):
            folder.commit(version.version).unlink(missing_ok=True)
            fsync_directory(folder.log)
        raise
