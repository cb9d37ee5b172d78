"""Whether a database holds the ledger's schema and nothing else: a trigger writes rows that no audit entry covers, a
dropped constraint lets in what the ledger rules out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Inspector, Table, inspect, text
from sqlalchemy.exc import NoSuchTableError, SAWarning

from kreis.ledger import revision, schema

__all__ = ["differences"]

_TRIGGERS = {
    "sqlite": "SELECT 'trigger ' || name || ' on ' || tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT 'trigger ' || tgname || ' on ' || relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE NOT tgisinternal AND nspname = current_schema()"
        " UNION ALL SELECT 'rule ' || rulename || ' on ' || tablename FROM pg_rules WHERE schemaname = current_schema()"
        " AND rulename <> '_RETURN'"
    ),
}


def differences(connection: Connection) -> Iterator[str]:
    """What was added to the schema, taken from it or changed in it outside the ledger, one line each."""
    inspector = inspect(connection)
    known = {*schema.metadata.tables, "alembic_version"}
    for name in sorted({*inspector.get_table_names()} - known):
        yield f"{name}: the table was added outside the ledger"
    for name in sorted(inspector.get_view_names()):
        yield f"{name}: the view was added outside the ledger"
    for found in sorted(connection.execute(text(_TRIGGERS[connection.dialect.name])).scalars()):
        yield f"{found} was added outside the ledger"
    if revision.current(connection) != revision.HEAD:
        return  # its tables are those of an earlier kreis; `kreis migrate` brings them to what can be compared
    for table in schema.metadata.sorted_tables:
        try:
            yield from _in_table(inspector, table)
        except NoSuchTableError:
            yield f"{table.name}: the table was dropped"


def _in_table(inspector: Inspector, table: Table) -> Iterator[str]:
    with warnings.catch_warnings(record=True) as odd:  # SQLAlchemy warns of definitions that it cannot make sense of
        warnings.simplefilter("always", SAWarning)
        expected, found = _declared(table), _present(inspector, str(table.name))
    for each in odd:
        yield f"{table.name}: its definition was changed outside the ledger ({each.message})"
    for part in sorted(expected - found):
        yield f"{table.name}: {part} was dropped or changed outside the ledger"
    for part in sorted(found - expected):
        yield f"{table.name}: {part} was added or changed outside the ledger"


def _declared(table: Table) -> set[str]:
    parts = {_column(column.name, column.nullable) for column in table.columns}
    parts |= {f"index {_names(index.columns.keys())}" for index in table.indexes}
    parts |= {_key(key.column_keys, key.referred_table.name) for key in table.foreign_key_constraints}
    for constraint in table.constraints:
        if constraint.__visit_name__ == "unique_constraint":
            parts.add(f"unique {_names(constraint.columns.keys())}")  # type: ignore[attr-defined]
    return parts | {f"primary key {_names(table.primary_key.columns.keys())}"}


def _present(inspector: Inspector, table: str) -> set[str]:
    unique = [each["column_names"] for each in inspector.get_unique_constraints(table)]
    parts = {_column(each["name"], each["nullable"]) for each in inspector.get_columns(table)}
    parts |= {f"unique {_names(columns)}" for columns in unique}
    parts |= {
        f"index {_names(each['column_names'])}"
        for each in inspector.get_indexes(table)
        if not each.get("duplicates_constraint") and not (each["unique"] and each["column_names"] in unique)
    }
    parts |= {_key(each["constrained_columns"], each["referred_table"]) for each in inspector.get_foreign_keys(table)}
    return parts | {f"primary key {_names(inspector.get_pk_constraint(table)['constrained_columns'])}"}


def _column(name: str, nullable: bool | None) -> str:
    return f"column {name}" + ("" if nullable else " not null")


def _key(columns: Sequence[str], to: str) -> str:
    return f"foreign key {_names(columns)} to {to}"


def _names(columns: Sequence[str | None]) -> str:
    return f"({', '.join(str(column) for column in columns)})"
