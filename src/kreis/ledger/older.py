"""Reading a ledger of an earlier schema as if it were today's, without changing it.

What the earlier schema lacks is shown as it would be after `kreis migrate`: a column of nulls, an empty table.
Temporary views, seen by one connection only, lie over the tables that have changed since.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Connection, Table, inspect, text

from kreis.ledger import schema

__all__ = ["show_as_today"]

_SHOWN = "kreis_shown_as_today"


def show_as_today(connection: Connection) -> None:
    """Lay the views, once for each connection. Not inside a transaction that only reads."""
    if _SHOWN in connection.info:
        return
    inspector = inspect(connection)
    home = "main" if connection.dialect.name == "sqlite" else inspector.default_schema_name
    present = set(inspector.get_table_names())
    for table in schema.metadata.sorted_tables:
        found = {each["name"] for each in inspector.get_columns(table.name)} if table.name in present else set()
        if found != set(table.columns.keys()):
            source = f'FROM "{home}"."{table.name}"' if found else "WHERE 1 = 0"
            columns = ", ".join(_columns(connection, table, found))
            connection.execute(text(f'CREATE TEMPORARY VIEW "{table.name}" AS SELECT {columns} {source}'))
    connection.commit()
    connection.info[_SHOWN] = True


def _columns(connection: Connection, table: Table, found: set[str]) -> Iterator[str]:
    for column in table.columns:
        yield f'"{column.name}"' if column.name in found else f'{_null(connection, column)} AS "{column.name}"'


def _null(connection: Connection, column: Column[object]) -> str:
    return f"CAST(NULL AS {column.type.compile(connection.dialect).split(' COLLATE')[0]})"
