"""What a table consists of in its storage: data files, the Delta log, what was set aside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.errors import StoreError
from kreis.lake.storage import Entry, LakeStorage

__all__ = ["LAYERS", "POINTER", "TableFolder", "checkpoints_in", "commits_in", "tables_in"]

LAYERS = ("bronze", "silver", "gold", "log", "quarantine")
POINTER = "_last_checkpoint"
_NAME = re.compile(rf"({'|'.join(LAYERS)})/[a-z][a-z0-9_]{{0,127}}")
_COMMIT = re.compile(r"(\d{20})\.json")


class TableFolder:
    """A table's folder in a storage."""

    def __init__(self, storage: LakeStorage, table: str) -> None:
        """The folder of a table.

        Raises:
            StoreError: the name is not `layer/name`.
        """
        if not _NAME.fullmatch(table):
            raise StoreError(
                f"{table[:200]!r} is not a valid table name",
                where="lake",
                hint=f"write layer/name: one of {', '.join(LAYERS)}, a slash, then lower-case letters, digits and _",
            )
        self.storage = storage
        self.table = table
        self.log = f"{table}/_delta_log"
        self.aside = f"{table}/_kreis_aside"

    def file(self, name: str) -> str:
        """The key of a data file."""
        return f"{self.table}/{name}"

    def commit(self, version: int) -> str:
        """The key of a commit."""
        return f"{self.log}/{version:020}.json"

    def checkpoint(self, version: int) -> str:
        """The key of a checkpoint."""
        return f"{self.log}/{version:020}.checkpoint.parquet"

    @property
    def pointer(self) -> str:
        """The key of the file that names the last checkpoint."""
        return f"{self.log}/{POINTER}"

    def log_entries(self, after: int = -1) -> list[Entry]:
        """What lies in the log: the checkpoint of a version, if it is there, and all that follows it."""
        return self.storage.entries(self.log, "" if after < 0 else f"{after:020}")

    def data_files(self) -> list[str]:
        """The names of the Parquet files in the folder."""
        return [entry.name for entry in self.storage.entries(self.table) if entry.name.endswith(".parquet")]


def commits_in(entries: Sequence[Entry]) -> dict[int, int]:
    """Version to size in bytes of the commits among a log's entries."""
    return {int(match[1]): entry.size for entry in entries if (match := _COMMIT.fullmatch(entry.name))}


def checkpoints_in(entries: Sequence[Entry]) -> list[str]:
    """The names of the checkpoints among a log's entries, kreis's own or another writer's."""
    return [each.name for each in entries if ".checkpoint" in each.name and each.name.endswith((".parquet", ".json"))]


def tables_in(storage: LakeStorage) -> list[str]:
    """Names of the folders that hold a table, acknowledged or not."""
    names = (f"{layer}/{name}" for layer in LAYERS for name in storage.folders(layer))
    return sorted(name for name in names if _NAME.fullmatch(name))
