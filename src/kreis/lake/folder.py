"""The lake's bytes in a folder of this machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kreis.durable import fsync_directory, make_directory, read_regular
from kreis.errors import StoreError
from kreis.lake.storage import Entry
from kreis.locks import FileLock, Lock

__all__ = ["UNFINISHED", "FolderStorage"]

UNFINISHED = ".kreis-tmp"
"""How the name of a write ends that did not come to its end."""


class FolderStorage:
    """Objects are files. Names that begin with `_` are invisible to readers of Delta."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._inside: set[str] = set()
        self._durable: set[str] = set()

    def entries(self, folder: str, after: str = "") -> list[Entry]:
        """See `LakeStorage.entries`."""
        try:
            with os.scandir(os.path.dirname(self._path(f"{folder}/_"))) as listed:
                found = [
                    Entry(each.name, status.st_size, (status.st_mtime_ns, status.st_ino))
                    for each in listed
                    if each.name > after and each.is_file(follow_symlinks=False)
                    for status in [each.stat(follow_symlinks=False)]
                ]
        except FileNotFoundError:
            return []
        return sorted(found)

    def folders(self, folder: str) -> list[str]:
        """See `LakeStorage.folders`."""
        try:
            with os.scandir(self.root / folder) as listed:
                return sorted(each.name for each in listed if each.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def stat(self, key: str) -> Entry | None:
        """See `LakeStorage.stat`."""
        try:
            found = os.lstat(self._path(key))
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Entry(key.rpartition("/")[2], found.st_size, (found.st_mtime_ns, found.st_ino))

    def get(self, key: str) -> bytes:
        """See `LakeStorage.get`. A pipe, a device or a folder in its place is refused, never waited for."""
        return read_regular(Path(self._path(key)), sys.maxsize)

    def put(self, key: str, data: bytes) -> None:
        """See `LakeStorage.put`."""
        path = self._path(key)
        with self._written(os.path.dirname(path), data) as temporary:
            os.rename(temporary, path)
            self._sync(os.path.dirname(path))

    def put_if_absent(self, key: str, data: bytes) -> None:
        """See `LakeStorage.put_if_absent`."""
        path = self._path(key)
        with self._written(os.path.dirname(path), data) as temporary:
            os.link(temporary, path)
            try:
                self._sync(os.path.dirname(path))
            except OSError:
                os.unlink(path)
                raise

    def delete(self, keys: Iterable[str]) -> None:
        """See `LakeStorage.delete`."""
        folders = set()
        for key in keys:
            path = self._path(key)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                folders.add(os.path.dirname(path))
        for folder in folders:
            self._sync(folder)

    def source(self, key: str) -> str:
        """See `LakeStorage.source`."""
        return self._path(key)

    def place(self, key: str) -> str:
        """See `LakeStorage.place`."""
        return f"{self._root}/{key}" if key else self._root

    def lock(self, table: str) -> Lock:
        """See `LakeStorage.lock`."""
        path = Path(self._path(f"{table}/_kreis_lock"))
        make_directory(path.parent)
        return FileLock(path, mode=0o644)

    def _path(self, key: str) -> str:
        """Where an object lies.

        Raises:
            StoreError: a link leads it out of the root.
        """
        folder = key.rpartition("/")[0]
        if folder not in self._inside:
            place = self.root / folder
            if not place.resolve().is_relative_to(self.root.resolve()):
                raise StoreError("the table's folder is a link out of the lake", where=str(place))
            if place.exists():
                self._inside.add(folder)
        return f"{self._root}/{key}"

    @contextmanager
    def _written(self, folder: str, data: bytes) -> Iterator[str]:
        """The bytes on disk, under a name that nobody looks for; the name is gone afterwards."""
        self._make_durable(folder)
        temporary = f"{folder}/_{secrets.token_hex(8)}{UNFINISHED}"
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            yield temporary
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _make_durable(self, folder: str) -> None:
        """Make a folder. Another process may have made it and not yet brought its entry to disk."""
        if folder in self._durable and os.path.isdir(folder):
            return
        path = Path(folder)
        make_directory(path)
        for each in (path, *path.parents):
            if each == self.root.parent or str(each) in self._durable:
                break
            fsync_directory(each.parent)
            self._durable.add(str(each))

    def _sync(self, folder: str) -> None:
        """Force a folder's entries to disk."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
