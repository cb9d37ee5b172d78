"""One write transaction of the ledger, as the functions that write see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

__all__ = ["WRITTEN", "Transaction"]

WRITTEN = "kreis.written"
"""Under this name a connection's `info` holds the rows that the transaction going on has written."""


class Transaction:
    """What is done with it, and the one audit entry about it, are committed together or not at all."""

    def __init__(
        self,
        connection: Connection,
        *,
        now: datetime,
        event: str,
        subject: str,
        actor: str,
        reason: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> None:
        self.connection = connection
        self.now = now
        self.event = event
        self.subject = subject
        self.actor = actor
        self.reason = reason
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)
        self.rows: dict[str, dict[str, str]] = {}
        """Table to key (a JSON list) to digest, of every row written so far."""
        connection.info[WRITTEN] = self.rows

    def set_outputs(self, outputs: Mapping[str, Any]) -> None:
        """Say what came out, where it is known only inside the transaction."""
        self.outputs = dict(outputs)

    def wrote(self, table: str, key: str, digest: str) -> None:
        """Note the new digest of a row. Called by `Records`, through which every write passes."""
        self.rows.setdefault(table, {})[key] = digest
