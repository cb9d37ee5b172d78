"""A table: its columns with the first rows, and its versions; or the list of all tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Day
from datetime import datetime
from typing import Any

from kreis.governance.pages.page import Grid, Number, Page
from kreis.governance.views.table import ListedTable, TablesView, TableView, VersionView
from kreis.texts import counted, date, short_id, size

__all__ = ["table_page"]

_LONGEST = 40


def table_page(document: TableView | TablesView) -> Page:
    """The page of a table, or of the list."""
    if isinstance(document, TablesView):
        return _list(document.tables)
    known_until = document.known_until
    return Page(
        title=f"{document.table}, version {document.version}: {counted(document.rows, 'row')}",
        facts=(
            ("written", f"{date(document.at)} UTC"),
            ("known until", f"{date(known_until)} UTC" if known_until else ""),
            ("fingerprint", document.fingerprint),
        ),
        grids=(_columns(document), _versions(document.history)),
    )


def _list(tables: Sequence[ListedTable]) -> Page:
    rows = [
        (each.table, Number(each.version, str(each.version)), each.rows, each.known_until, each.at) for each in tables
    ]
    grid = Grid("", ("table", "version", "rows", "known until", "written (UTC)"), rows)
    return Page(title=counted(len(tables), "table"), grids=(grid,))


def _columns(document: TableView) -> Grid:
    rows = document.first_rows
    titles = ("column", "type", *(f"row {place}" for place in range(1, len(rows) + 1)))
    cells = [(column, kind, *(_cell(row[column]) for row in rows)) for column, kind in document.columns.items()]
    return Grid("Columns", titles, cells)


def _versions(history: Sequence[VersionView]) -> Grid:
    rows = [
        (
            Number(each.version, str(each.version)),
            each.mode,
            each.rows,
            Number(each.added_bytes, size(each.added_bytes)),
            each.at,
            short_id(each.run),
        )
        for each in history
    ]
    return Grid("Versions", ("version", "mode", "rows", "added", "written (UTC)", "run"), rows)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case datetime():
            return date(value)
        case Day():
            return value.isoformat()
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
