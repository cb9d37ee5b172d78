"""Where a table lies: its folder under the lake's root, the Delta log in it, and the writers' lock."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kreis.errors import StoreError

__all__ = ["LAYERS", "TableFolder", "tables_on_disk"]

LAYERS = ("bronze", "silver", "gold", "log", "quarantine")
_NAME = re.compile(rf"({'|'.join(LAYERS)})/[a-z][a-z0-9_]{{0,127}}")
_COMMIT = re.compile(r"(\d{20})\.json")


class TableFolder:
    """A table's folder. Names beginning with `_` are invisible to readers of Delta."""

    def __init__(self, root: Path, table: str) -> None:
        """A folder that lies under `root`, links resolved.

        Raises:
            StoreError: the name is not `layer/name`, or a link leads it out of the root.
        """
        if not _NAME.fullmatch(table):
            raise StoreError(
                f"{table[:200]!r} is no table name",
                where="lake",
                hint=f"write layer/name: one of {', '.join(LAYERS)}, a slash, then lower-case letters, digits and _",
            )
        self.table = table
        self.path = root / table
        if not self.path.resolve().is_relative_to(root.resolve()):
            raise StoreError("the table's folder is a link out of the lake", where=str(self.path))
        self.log = self.path / "_delta_log"
        self.aside = self.path / "_kreis_aside"
        self.pending = self.path / "_kreis_commit.tmp"
        self._lock = self.path / "_kreis_lock"

    def commit(self, version: int) -> Path:
        """The file of a commit."""
        return self.log / f"{version:020}.json"

    def commits(self) -> dict[int, int]:
        """Version to size in bytes of the commit files that are there."""
        try:
            with os.scandir(self.log) as entries:
                found = [(match, entry) for entry in entries if (match := _COMMIT.fullmatch(entry.name))]
                return {int(match[1]): entry.stat().st_size for match, entry in found}
        except FileNotFoundError:
            return {}

    def checkpoints(self) -> list[Path]:
        """Checkpoints and the pointer to the last one. kreis writes none; other writers may."""
        found = [*self.log.glob("*.checkpoint*.parquet"), *self.log.glob("*.checkpoint*.json")]
        return sorted([*found, *self.log.glob("_last_checkpoint")])

    def data_files(self) -> dict[str, Path]:
        """The Parquet files in the folder, by name."""
        return {path.name: path for path in self.path.glob("*.parquet")}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the table's only writers' lock; waits for it. A process that dies lets go of it."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def locked_if_free(self) -> Iterator[bool]:
        """Hold the writers' lock if nobody does; says whether it is held."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free = True
            except BlockingIOError:
                free = False
            yield free
        finally:
            os.close(handle)


def tables_on_disk(root: Path) -> list[str]:
    """Names of the folders that hold a table, acknowledged or not."""
    names = (f"{layer}/{path.name}" for layer in LAYERS for path in (root / layer).glob("*") if path.is_dir())
    return sorted(name for name in names if _NAME.fullmatch(name))
