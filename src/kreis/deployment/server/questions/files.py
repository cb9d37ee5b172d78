"""Files that packages name by digest, on this machine: indexes and re-rankers, which are read in place.

Workers share the folder. Whoever uses a file holds it (a shared flock), so none is removed under another worker.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from kreis.artifacts.store import ArtifactStore
from kreis.digests import digest_of_file
from kreis.durable import clear_leftovers, make_directory, storing, write_durably
from kreis.errors import CorruptionError
from kreis.generative.stored import StoredFile
from kreis.locks import FileLock, holding

__all__ = ["FileCache", "files_beside"]

_LOCK = ".lock"


def files_beside(log: Path) -> Path:
    """The folder of fetched files of a service that writes its prediction log to `log`."""
    return log.parent / "files"


class FileCache:
    """A folder of read-only copies of artifacts, each named by its digest."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self.folder = folder
        self._artifacts = artifacts
        self._held: dict[str, int] = {}
        """By digest: the open file of this process."""

    def path(self, file: StoredFile) -> Path:
        """Where a file lies; its bytes are those of its name. It stays until `keep_only` leaves it out.

        Raises:
            CorruptionError: it is not as large as the package says, or the artifact is damaged.
            StoreError: there is no such artifact, or the folder cannot be written.
        """
        path = self.folder / file.sha256
        with storing(f"files of the service in {self.folder}"):
            make_directory(self.folder)
            with self._alone():
                if not (path.is_file() and digest_of_file(path) == file.sha256):
                    self._fetch(file, path)
                if file.sha256 not in self._held:
                    self._held[file.sha256] = handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    fcntl.flock(handle, fcntl.LOCK_SH)
        return path

    def keep_only(self, named: Collection[str]) -> None:
        """Let go of all files but those of these digests, and remove what no worker holds.

        Raises:
            StoreError: the folder cannot be changed.
        """
        for digest in self._held.keys() - set(named):
            os.close(self._held.pop(digest))
        if not self.folder.is_dir():
            return
        with storing(f"files of the service in {self.folder}"), self._alone():
            for path in self.folder.iterdir():
                if path.name != _LOCK and path.name not in self._held and not _is_used(path):
                    path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with holding(FileLock(self.folder / _LOCK)):
            yield

    def _fetch(self, file: StoredFile, path: Path) -> None:
        data = self._artifacts.get(file.sha256)
        if len(data) != file.size:
            raise CorruptionError(
                f"it has {len(data)} bytes, and the package says {file.size}",
                where=self._artifacts.where(file.sha256),
                hint="restore the artifact from a backup",
            )
        clear_leftovers(path)
        write_durably(path, data)
        path.chmod(0o444)
        held = self._held.pop(file.sha256, None)  # of the damaged file that it replaces
        if held is not None:
            os.close(held)


def _is_used(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
