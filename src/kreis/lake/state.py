"""What a table consists of at a version, told from the ledger alone: the Delta log is never read to answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl

from kreis.digests import digest_of
from kreis.lake.files import fingerprint
from kreis.lake.log import Commit, removed_in, schema_in
from kreis.ledger.records import LakeFile, TableVersion

__all__ = ["DataFile", "TableState", "advance", "following", "replay"]


class DataFile(msgspec.Struct, frozen=True, gc=False):
    """A file of a table, and the version that added it."""

    file: LakeFile
    version: int
    known_until: datetime | None
    """Latest known-at of its rows; None where neither it nor its commit says so."""

    @property
    def order(self) -> int:
        """Its place among the table's rows."""
        return self.version if self.file.order is None else self.file.order


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """A table at one version."""

    version: TableVersion
    files: tuple[DataFile, ...]
    schema: pl.Schema
    table_id: str
    checkpoint: int = -1
    """The version of the newest checkpoint that is known of; -1 where there is none."""

    @property
    def names(self) -> frozenset[str]:
        """The names of its files."""
        return frozenset(data.file.path for data in self.files)


def replay(before: TableState | None, versions: Sequence[TableVersion]) -> TableState | None:
    """The state after `versions`, which follow each other and the state before."""
    return advance(before, versions) if versions else before


def advance(before: TableState | None, versions: Sequence[TableVersion]) -> TableState:
    """As `replay`, of at least one version."""
    files = list(before.files) if before else []
    schema, table_id = (before.schema, before.table_id) if before else (pl.Schema(), "")
    for version in versions:
        if version.mode == "overwrite":
            files.clear()
        if version.mode == "rewrite":
            files = _rewritten(files, version)
        else:
            files += [
                DataFile(file, version.version, file.known_until or version.known_until) for file in version.added
            ]
        schema, table_id = schema_in(version.commit) or (schema, table_id)
    return TableState(
        version=versions[-1],
        files=tuple(files),
        schema=schema,
        table_id=table_id,
        checkpoint=before.checkpoint if before else -1,
    )


def _rewritten(files: list[DataFile], version: TableVersion) -> list[DataFile]:
    """The files after a rewrite: those that it adds take the place among the rows of those that they replace."""
    gone = removed_in(version.commit)
    kept = [data for data in files if data.file.path not in gone]
    kept += [DataFile(file, version.version, file.known_until) for file in version.added]
    return sorted(kept, key=lambda data: data.order)


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
    before = state.version if state and commit.mode != "overwrite" else None
    removed = (
        [data.file for data in state.files if data.file.path in commit.removed]
        if state and before and commit.removed
        else []
    )
    schema = commit.schema or (state.schema if state else pl.Schema())
    return TableVersion(
        table=table,
        version=state.version.version + 1 if state else 0,
        step=step,
        run=commit.run,
        mode=commit.mode,
        rows=sum(file.rows for file in commit.added)
        - sum(file.rows for file in removed)
        + (before.rows if before else 0),
        added=commit.added,
        commit=text,
        commit_sha256=digest_of(text.encode()),
        fingerprint=before.fingerprint
        if before and not commit.data_change
        else fingerprint(
            before.fingerprint if before else "",
            schema,
            commit.added,
            new_schema=commit.schema is not None,
            removed=removed,
        ),
        known_until=commit.known_until,
        at=at,
    )
