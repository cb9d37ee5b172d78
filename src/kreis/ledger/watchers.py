"""What watching a project remembers from one look to the next."""

from __future__ import annotations

from sqlalchemy import Connection

from kreis.ledger import schema
from kreis.ledger.records import WatcherMemory
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["recall", "remember"]

_WATCHERS = Records(schema.watchers, WatcherMemory, called="watcher's memory")


def recall(connection: Connection, project: str) -> WatcherMemory | None:
    """What the last look left behind, or None before the first.

    Raises:
        CorruptionError: it is not what was written.
    """
    return _WATCHERS.first(connection, schema.watchers.c.project == project)


def remember(tx: Transaction, memory: WatcherMemory) -> None:
    """Put this look's memory in the place of the last one's, in the transaction of what the look found."""
    if recall(tx.connection, memory.project) is None:
        _WATCHERS.insert(tx, memory)
    else:
        _WATCHERS.update(tx, memory)
