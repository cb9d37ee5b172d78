"""Moves of the levels at which coverage is said: each is added, with what it rests on, and never edited."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from kreis.digests import canonical_json, digest_of
from kreis.ledger import schema
from kreis.ledger.documents import put_document
from kreis.ledger.proof import covered
from kreis.ledger.records import Document, LevelMove
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["add_move", "last_move", "moves_of", "newest_move"]

_MOVES = Records(schema.documents, Document, called="move of a level")
_KIND = "coverage level "
_documents = schema.documents.c
_OF_MOVES = (_documents.kind > _KIND, _documents.kind < f"{_KIND}~")


def add_move(tx: Transaction, move: LevelMove) -> LevelMove:
    """Put a move on record, under the ledger's next number and the transaction's moment."""
    numbered = msgspec.structs.replace(move, number=newest_move(tx.connection) + 1, at=tx.now)
    body = canonical_json(msgspec.to_builtins(numbered)).decode()
    kind = f"{_KIND}{numbered.number:08}"
    put_document(tx, Document(digest=digest_of(body.encode()), kind=kind, name=move.model, body=body))
    return numbered


def newest_move(connection: Connection) -> int:
    """The number of the newest move of any model; 0 before the first.

    Raises:
        CorruptionError: it was put there by something else than kreis.
    """
    newest = _MOVES.first(connection, *_OF_MOVES, order=[_documents.kind.desc()])
    covered(connection, _MOVES, newest)
    return 0 if newest is None else int(newest.kind.removeprefix(_KIND))


def last_move(connection: Connection, model: str) -> LevelMove | None:
    """The newest move of a model's levels; None before the first.

    Raises:
        CorruptionError: it was put there by something else than kreis.
    """
    found = moves_of(connection, model, limit=1)
    return found[0] if found else None


def moves_of(connection: Connection, model: str, *, limit: int | None = None) -> list[LevelMove]:
    """The moves of a model's levels, the newest first.

    Raises:
        CorruptionError: one was put there by something else than kreis.
    """
    within = (*_OF_MOVES, _documents.name == model)
    found = _MOVES.find(connection, *within, order=[_documents.kind.desc()], limit=limit)
    covered(connection, _MOVES, *found)
    return [msgspec.json.decode(each.body, type=LevelMove) for each in found]
