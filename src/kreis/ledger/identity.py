"""Whose ledger it is: one ledger belongs to one project and one lake."""

from __future__ import annotations

from sqlalchemy import Connection

from kreis.errors import StoreError
from kreis.identifiers import new_id
from kreis.ledger import schema
from kreis.ledger.records import Identity
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["identify", "identity_of"]

_IDENTITY = Records(schema.identity, Identity, called="identity")


def identity_of(connection: Connection) -> Identity | None:
    """Whose ledger it is; None where nobody has said so yet (nothing has run, or an older kreis wrote it).

    Raises:
        CorruptionError: it is not what was written.
    """
    return _IDENTITY.first(connection)


def identify(tx: Transaction, project: str, *, lake: str = "", ledger: str = "") -> Identity:
    """Say, once, whose ledger it is.

    Args:
        tx: The transaction.
        project: The project's name.
        lake: The lake's id, if the lake has one; a new one otherwise.
        ledger: The ledger's own id, if the lake holds it already; a new one otherwise.

    Raises:
        StoreError: it belongs to somebody already.
    """
    if identity_of(tx.connection) is not None:
        raise StoreError("the ledger belongs to a project already", where="ledger")
    made = Identity(ledger=ledger or new_id(tx.now), project=project, lake=lake or new_id(tx.now), at=tx.now)
    _IDENTITY.insert(tx, made)
    return made
