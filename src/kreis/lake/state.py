"""What a table consists of at a version, told from the ledger alone: the Delta log is never read to answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl
from sqlalchemy import Connection

from kreis.digests import digest_of
from kreis.lake.files import fingerprint
from kreis.lake.log import Commit, schema_in
from kreis.ledger.records import LakeFile, TableVersion
from kreis.ledger.tables import get_version, latest_version, versions_of

__all__ = ["DataFile", "States", "TableState", "following", "replay"]

_FEW = 4
"""So many versions are fetched one by one; more, all together."""


class DataFile(msgspec.Struct, frozen=True):
    """A file of a table, and the version that added it."""

    file: LakeFile
    version: int
    known_until: datetime | None
    """None of its rows became known later, where the commit said so."""


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """A table at one version."""

    version: TableVersion
    files: tuple[DataFile, ...]
    schema: pl.Schema
    table_id: str

    @property
    def names(self) -> frozenset[str]:
        """The names of its files."""
        return frozenset(data.file.path for data in self.files)


def replay(before: TableState | None, versions: Sequence[TableVersion]) -> TableState | None:
    """The state after `versions`, which follow each other and the state before."""
    return _after(before, versions) if versions else before


def _after(before: TableState | None, versions: Sequence[TableVersion]) -> TableState:
    files = list(before.files) if before else []
    schema, table_id = (before.schema, before.table_id) if before else (pl.Schema(), "")
    for version in versions:
        if version.mode == "overwrite":
            files.clear()
        files += [DataFile(file, version.version, version.known_until) for file in version.added]
        schema, table_id = schema_in(version.commit) or (schema, table_id)
    return TableState(version=versions[-1], files=tuple(files), schema=schema, table_id=table_id)


def following(
    state: TableState | None, table: str, commit: Commit, text: str, *, step: str, at: datetime
) -> TableVersion:
    """The version that a commit makes of a state.

    Args:
        state: the table before; None if the commit makes it.
        table: its name.
        commit: what the commit says, its files with digests and rows.
        text: the commit file's text.
        step: the key that it is found by.
        at: when.
    """
    before = state.version if state and commit.mode == "append" else None
    schema = commit.schema or (state.schema if state else pl.Schema())
    return TableVersion(
        table=table,
        version=state.version.version + 1 if state else 0,
        step=step,
        run=commit.run,
        mode=commit.mode,
        rows=sum(file.rows for file in commit.added) + (before.rows if before else 0),
        added=commit.added,
        commit=text,
        commit_sha256=digest_of(text.encode()),
        fingerprint=fingerprint(
            before.fingerprint if before else "", schema, commit.added, new_schema=commit.schema is not None
        ),
        known_until=commit.known_until,
        at=at,
    )


class States:
    """States of tables; remembers the newest of each, so that following a table costs what was added to it."""

    def __init__(self) -> None:
        self._newest: dict[str, TableState] = {}

    def newest(self, connection: Connection, table: str) -> TableState | None:
        """The table as the ledger has it now; None if it was never written."""
        latest = latest_version(connection, table)
        return None if latest is None else self._reach(connection, latest)

    def at(self, connection: Connection, table: str, version: int) -> TableState:
        """The table at a version.

        Raises:
            ProjectError: the table, or this version of it, was never acknowledged.
        """
        return self._reach(connection, get_version(connection, table, version))

    def _reach(self, connection: Connection, wanted: TableVersion) -> TableState:
        known = self._newest.get(wanted.table)
        if known and known.version.version > wanted.version:
            known = None
        if known and known.version.version == wanted.version:
            return known
        first = known.version.version + 1 if known else 0
        if wanted.version - first < _FEW:
            steps = [get_version(connection, wanted.table, number) for number in range(first, wanted.version)]
        else:
            steps = [v for v in versions_of(connection, wanted.table) if first <= v.version < wanted.version]
        state = _after(known, [*steps, wanted])
        newest = self._newest.get(wanted.table)
        if newest is None or newest.version.version < wanted.version:
            self._newest[wanted.table] = state
        return state
