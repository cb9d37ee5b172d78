"""Lake tables: acknowledged versions, the newest checkpoint, and why versions and files are gone."""

from __future__ import annotations

from sqlalchemy import Connection, select

from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import Checkpoint, Removal, TableVersion
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = [
    "add_removal",
    "add_table_version",
    "checkpoint_of",
    "farthest_version",
    "find_version_by_step",
    "get_version",
    "latest_version",
    "list_tables",
    "put_checkpoint",
    "refuse_removed",
    "removal_of",
    "removals_of",
    "versions_of",
]

_VERSIONS = Records(schema.table_versions, TableVersion, called="table version")
_CHECKPOINTS = Records(schema.checkpoints, Checkpoint, called="checkpoint")
_REMOVALS = Records(schema.removals, Removal, called="removal")
_versions = schema.table_versions.c


def add_table_version(tx: Transaction, version: TableVersion) -> None:
    """Acknowledge a commit of a lake table.

    Raises:
        StoreError: this version of the table is recorded already.
    """
    _VERSIONS.insert(tx, version)


def latest_version(connection: Connection, table: str) -> TableVersion | None:
    """The newest acknowledged version of a table, or None if it has none."""
    return _VERSIONS.first(connection, _versions.table == table, order=[_versions.version.desc()])


def farthest_version(connection: Connection, table: str) -> TableVersion | None:
    """The version whose rows were known until latest, the newest of several; None if the table has none.

    One that was removed on record does not count.
    """
    farthest = [_versions.known_until.desc().nulls_last(), _versions.version.desc()]
    gone = [span for removal in removals_of(connection, table) for span in removal.versions]
    for number in connection.execute(select(_versions.version).where(_versions.table == table).order_by(*farthest)):
        if not any(first <= number[0] <= last for first, last in gone):
            return get_version(connection, table, number[0])
    return None


def get_version(connection: Connection, table: str, version: int) -> TableVersion:
    """One version of a table.

    Raises:
        ProjectError: the table, or this version of it, was never acknowledged.
    """
    found = _VERSIONS.first(connection, _versions.table == table, _versions.version == version)
    if found is not None:
        return found
    newest = latest_version(connection, table)
    if newest is None:
        raise ProjectError.unknown_name("table", table, list_tables(connection), where="ledger")
    raise ProjectError(
        f"{table} has no version {version}", where="ledger", hint=f"its newest version is {newest.version}"
    )


def versions_of(
    connection: Connection, table: str, *, after: int = -1, before: int | None = None
) -> list[TableVersion]:
    """The acknowledged versions of a table after one and before another, by default all; the oldest first."""
    within = [_versions.table == table, _versions.version > after]
    if before is not None:
        within.append(_versions.version < before)
    return _VERSIONS.find(connection, *within, order=[_versions.version])


def list_tables(connection: Connection) -> list[str]:
    """The names of all tables that have a version, sorted."""
    return list(connection.execute(select(_versions.table).distinct().order_by(_versions.table)).scalars())


def find_version_by_step(connection: Connection, table: str, step: str) -> TableVersion | None:
    """The newest version of a table that a step made, or None."""
    # Sorted here: asked for an order, SQLite walks back through all versions instead of using the index of steps.
    made = _VERSIONS.find(connection, _versions.table == table, _versions.step == step)
    return max(made, key=lambda version: version.version, default=None)


def checkpoint_of(connection: Connection, table: str) -> Checkpoint | None:
    """The newest checkpoint of a table on record, or None if it has none."""
    return _CHECKPOINTS.first(connection, schema.checkpoints.c.table == table)


def put_checkpoint(tx: Transaction, checkpoint: Checkpoint) -> None:
    """Record a table's newest checkpoint in the place of the one before."""
    if checkpoint_of(tx.connection, checkpoint.table) is None:
        _CHECKPOINTS.insert(tx, checkpoint)
    else:
        _CHECKPOINTS.update(tx, checkpoint)


def add_removal(tx: Transaction, removal: Removal) -> None:
    """Record that versions and files of a table are about to be deleted, and why."""
    _REMOVALS.insert(tx, removal)


def removals_of(connection: Connection, table: str) -> list[Removal]:
    """Why versions and files of a table are gone, the oldest removal first."""
    return _REMOVALS.find(connection, schema.removals.c.table == table, order=[schema.removals.c.id])


def refuse_removed(connection: Connection, version: TableVersion) -> None:
    """Refuse a version of a table that was removed on record.

    Raises:
        ProjectError: it was; says when and why.
    """
    removal = removal_of(connection, version.table, version.version)
    if removal is not None:
        raise ProjectError(
            f"version {version.version} of {version.table} was {removal.why} on {removal.at:%Y-%m-%d}:"
            f" {removal.reason}",
            where="lake",
            hint=f"read the newest version, or see what is left: `kreis show table {version.table}`",
        )


def removal_of(connection: Connection, table: str, version: int) -> Removal | None:
    """By which removal a version of a table left, or None if it is there."""
    for removal in removals_of(connection, table):
        if any(first <= version <= last for first, last in removal.versions):
            return removal
    return None
