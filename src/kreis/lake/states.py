"""States of tables, each reached from the nearest one that is known: the last one seen, or the checkpoint on record."""

from __future__ import annotations

from sqlalchemy import Connection

from kreis.lake.checkpoint import recorded_state
from kreis.lake.layout import TableFolder
from kreis.lake.state import TableState, advance
from kreis.ledger.records import TableVersion
from kreis.ledger.tables import get_version, latest_version, versions_of

__all__ = ["States"]

_FEW = 4
"""So many versions are fetched one by one; more, all together."""


class States:
    """Remembers the newest state of each table, so that following a table costs what was added to it."""

    def __init__(self) -> None:
        self._newest: dict[str, TableState] = {}

    def newest(self, connection: Connection, folder: TableFolder) -> TableState | None:
        """The table as the ledger has it now; None if it was never written."""
        latest = latest_version(connection, folder.table)
        return None if latest is None else self._reach(connection, folder, latest)

    def at(self, connection: Connection, folder: TableFolder, version: int) -> TableState:
        """The table at a version.

        Raises:
            ProjectError: the table, or this version of it, was never acknowledged.
        """
        return self._reach(connection, folder, get_version(connection, folder.table, version))

    def note(self, state: TableState) -> None:
        """Take a state for the newest, unless a newer one is known."""
        known = self._newest.get(state.version.table)
        if known is None or known.version.version <= state.version.version:
            self._newest[state.version.table] = state

    def _reach(self, connection: Connection, folder: TableFolder, wanted: TableVersion) -> TableState:
        known = self._newest.get(wanted.table)
        if known is None:
            known = recorded_state(connection, folder)
        if known and known.version.version > wanted.version:
            known = None
        if known and known.version.version == wanted.version:
            self.note(known)
            return known
        first = known.version.version + 1 if known else 0
        if wanted.version - first < _FEW:
            steps = [get_version(connection, wanted.table, number) for number in range(first, wanted.version)]
        else:
            steps = versions_of(connection, wanted.table, after=first - 1, before=wanted.version)
        state = advance(known, [*steps, wanted])
        self.note(state)
        return state
