"""Acknowledged versions of lake tables."""

from __future__ import annotations

from sqlalchemy import Connection, select

from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import TableVersion
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = [
    "add_table_version",
    "farthest_version",
    "find_version_by_step",
    "get_version",
    "latest_version",
    "list_tables",
    "versions_of",
]

_VERSIONS = Records(schema.table_versions, TableVersion, called="table version")
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
    """The version whose rows were known until latest, the newest of several; None if the table has none."""
    farthest = [_versions.known_until.desc().nulls_last(), _versions.version.desc()]
    return _VERSIONS.first(connection, _versions.table == table, order=farthest)


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


def versions_of(connection: Connection, table: str) -> list[TableVersion]:
    """All acknowledged versions of a table, the oldest first."""
    return _VERSIONS.find(connection, _versions.table == table, order=[_versions.version])


def list_tables(connection: Connection) -> list[str]:
    """The names of all tables that have a version, sorted."""
    return list(connection.execute(select(_versions.table).distinct().order_by(_versions.table)).scalars())


def find_version_by_step(connection: Connection, table: str, step: str) -> TableVersion | None:
    """The newest version of a table that a step made, or None."""
    made = (_versions.table == table, _versions.step == step)
    return _VERSIONS.first(connection, *made, order=[_versions.version.desc()])
