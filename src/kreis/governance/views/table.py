"""A table: its columns with the first rows, and its versions; or the list of all tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.ledger import tables
from kreis.ledger.records import TableVersion
from kreis.workspace import Workspace

__all__ = ["ListedTable", "TableView", "TablesView", "VersionView", "WrittenVersion", "table_view"]

_ROWS = 3
"""Rows of a table that are shown."""
_HISTORY = 10


class WrittenVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a table."""

    version: int
    mode: str
    rows: int
    added_bytes: int
    known_until: datetime | None
    at: datetime


class VersionView(WrittenVersion, frozen=True, kw_only=True):
    """A version in a table's history."""

    run: str | None


class ListedTable(WrittenVersion, frozen=True, kw_only=True):
    """A table at its newest version, in the list of all."""

    table: str


class TableView(WrittenVersion, frozen=True, kw_only=True):
    """A table at a version."""

    table: str
    fingerprint: str
    columns: dict[str, str]
    """Names and types."""
    first_rows: list[dict[str, Any]]
    history: list[VersionView]


class TablesView(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of the lake."""

    tables: list[ListedTable]


def table_view(workspace: Workspace, name: str, version: int | None) -> TableView | TablesView:
    """A table by layer and name, at a version or the newest one; the list of all without a name.

    Raises:
        ProjectError: no such table or version.
    """
    with workspace.ledger.read() as connection:
        known = tables.list_tables(connection)
        if not name:
            latest = [(each, tables.latest_version(connection, each)) for each in known]
            return TablesView(
                tables=[ListedTable(table=each, **_written(last)) for each, last in latest if last is not None]
            )
        if name not in known:
            raise ProjectError.unknown_name("table", name, known, where=str(workspace.folder))
        history = {each.version: each for each in tables.versions_of(connection, name)}
    chosen = max(history) if version is None else version
    if chosen not in history:
        hint = f"it has the versions {min(history)} to {max(history)}"
        raise ProjectError(f"table {name!r} has no version {chosen}", where=str(workspace.folder), hint=hint)
    frame = workspace.lake.scan(name, chosen)
    return TableView(
        table=name,
        **_written(history[chosen]),
        fingerprint=history[chosen].fingerprint,
        columns={column: _type(str(kind)) for column, kind in frame.collect_schema().items()},
        first_rows=frame.head(_ROWS).collect().to_dicts(),
        history=[VersionView(**_written(each), run=each.run) for each in list(history.values())[-_HISTORY:]],
    )


def _written(each: TableVersion) -> dict[str, Any]:
    names = ("version", "mode", "rows", "known_until", "at")
    return {**{name: getattr(each, name) for name in names}, "added_bytes": sum(file.size for file in each.added)}


def _type(kind: str) -> str:
    """A column's type without Python's quotes and keywords."""
    return kind.replace("time_unit=", "").replace("time_zone=", "").replace("'", "")
