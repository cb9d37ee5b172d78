"""A row is believed because an audit entry covers it. Whatever is signed, published or decided upon is asked for.

A row's own digest is no proof: whoever can write a row can compute it. The entry must hold the digest under the row's
key, be what its hash says, and be linked to its neighbours; the head beside the ledger guards the end of the chain.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from kreis.errors import CorruptionError
from kreis.ledger import chain, schema
from kreis.ledger.records import AuditEntry
from kreis.ledger.rows import Records, Row, row_key, stored_rows, to_row
from kreis.ledger.transaction import WRITTEN

__all__ = ["actor_of", "covered"]


def covered(connection: Connection, records: Records[Any], *found: Any) -> None:
    """Refuse a record that no audit entry covers.

    Args:
        connection: to the ledger.
        records: the table that it is from.
        found: the records (None is passed over), of a table whose rows are written once.

    Raises:
        CorruptionError: one was put there by something else than the ledger.
    """
    for record in found:
        if record is None:
            continue
        row = to_row(record)
        table, key, digest = str(records.table.name), row_key(records.table, row), _stored(connection, records, row)
        if connection.info.get(WRITTEN, {}).get(table, {}).get(key) == digest:
            continue  # by the transaction that is going on: its entry comes at its end
        entry = _entry_with(connection, digest)
        if entry is None or entry.rows.get(table, {}).get(key) != digest or not _sound(connection, entry):
            raise CorruptionError(
                f"no audit entry covers the {records.called} {key}: it was put there by something else than kreis",
                where=f"ledger, {table}",
                hint="`kreis audit verify` lists all such rows; `kreis ledger restore BACKUP --reason …` puts a backup"
                " back",
            )


def actor_of(connection: Connection, event: str, subject: str) -> str | None:
    """Who did something, by the first entry about it; None where there is none, or it is not what was written."""
    statement = select(schema.audit).where(schema.audit.c.event == event, schema.audit.c.subject == subject)
    for row in stored_rows(connection, statement.order_by(schema.audit.c.position).limit(1)):
        entry = chain.entry_of(row)
        return entry.actor if _sound(connection, entry) else None
    return None


def _stored(connection: Connection, records: Records[Any], row: Row) -> str:
    """As stored: how it is computed depends on the version that wrote the row, and reading has checked it."""
    same = [column == row[column.name] for column in records.table.primary_key]
    return str(connection.execute(select(records.table.c.sha256).where(*same)).scalar())


def _entry_with(connection: Connection, digest: str) -> AuditEntry | None:
    """The newest entry that names a digest. What is asked for was mostly written lately: the search begins there."""
    statement = select(schema.audit).where(schema.audit.c.rows.contains(digest))
    for row in stored_rows(connection, statement.order_by(schema.audit.c.position.desc()).limit(1)):
        try:
            return chain.entry_of(row)
        except (ValueError, TypeError):
            return None
    return None


def _sound(connection: Connection, entry: AuditEntry) -> bool:
    before = chain.hash_at(connection, entry.position - 1) if entry.position > 1 else chain.GENESIS
    after = connection.execute(
        select(schema.audit.c.previous).where(schema.audit.c.position == entry.position + 1)
    ).scalar()
    return chain.entry_hash(entry) == entry.hash and entry.previous == before and after in (None, entry.hash)
