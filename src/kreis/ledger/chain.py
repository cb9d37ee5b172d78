"""The audit chain: each entry's hash covers the entry and, through `previous`, all entries before it.

The hash is the SHA-256 of the canonical JSON (sorted keys, no blanks, UTF-8) of the entry without its `hash`;
`at` is written in ISO 8601 with "Z". The first entry's `previous` is 64 zeros. Whoever holds the exported
lines needs nothing of kreis to recompute it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from kreis.clock import microseconds, moment
from kreis.digests import digest_of_document
from kreis.ledger import schema
from kreis.ledger.records import AuditEntry
from kreis.ledger.rows import Row, to_json
from kreis.ledger.transaction import Transaction

__all__ = ["GENESIS", "LOSSES", "append", "entry_hash", "entry_of", "hash_at", "last"]

GENESIS = "0" * 64
"""The `previous` of the first entry."""

LOSSES = ("ledger.restored", "ledger.loss_accepted")
"""Events after which the ledger knew less than before; `release` in their outputs is what was in service by then."""

_DOCUMENTS = ("inputs", "outputs", "rows")


def append(tx: Transaction) -> AuditEntry:
    """Write the transaction's entry. The caller holds the ledger's write lock, so the chain cannot fork."""
    position, previous = last(tx.connection) or (0, GENESIS)
    entry = _sealed(
        position=position + 1,
        at=tx.now,
        actor=tx.actor,
        event=tx.event,
        subject=tx.subject,
        reason=tx.reason,
        inputs=_as_stored(tx.inputs),
        outputs=_as_stored(tx.outputs),
        rows=tx.rows,
        previous=previous,
    )
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    row = {**fields, "at": microseconds(entry.at), **{name: to_json(fields[name]) for name in _DOCUMENTS}}
    tx.connection.execute(insert(schema.audit), row)
    return entry


def last(connection: Connection) -> tuple[int, str] | None:
    """Position and hash of the newest entry, or None for an empty chain."""
    newest = select(schema.audit.c.position, schema.audit.c.hash).order_by(schema.audit.c.position.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else (row.position, row.hash)


def hash_at(connection: Connection, position: int) -> str | None:
    """The hash of one entry, or None where there is none."""
    found: str | None = connection.execute(
        select(schema.audit.c.hash).where(schema.audit.c.position == position)
    ).scalar()
    return found


def entry_hash(entry: AuditEntry) -> str:
    """What the entry's hash has to be. A field that is null is left out: one that is added later changes no hash."""
    document = {name: value for name, value in msgspec.to_builtins(entry).items() if value is not None}
    del document["hash"]
    return digest_of_document(document)


def entry_of(row: Row) -> AuditEntry:
    """An entry from its stored row.

    Raises:
        ValueError: a document in the row is not the canonical JSON of an object, or the time is out of range.
    """
    documents = {name: _read(row[name]) for name in _DOCUMENTS}
    try:
        at = moment(row["at"])
    except OverflowError as error:
        raise ValueError("at: out of range") from error
    return AuditEntry(**{**row, **documents, "at": at})


def _sealed(**fields: Any) -> AuditEntry:
    unsealed = AuditEntry(**fields, hash="")
    return msgspec.structs.replace(unsealed, hash=entry_hash(unsealed))


def _as_stored(document: dict[str, Any]) -> Any:
    """What is read back later: NaN as null, tuples as lists, times as text."""
    return msgspec.json.decode(to_json(document))


def _read(text: str) -> dict[str, Any]:
    document = msgspec.json.decode(text, type=dict[str, Any])
    if to_json(document) != text:
        raise ValueError("a document is not in canonical form")
    return document
