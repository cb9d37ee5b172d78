"""Blobs named by their SHA-256, in a folder: `ab/cdef…` under the root."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from kreis.artifacts.store import ArtifactProblem
from kreis.digests import digest_of, digest_of_file
from kreis.durable import fsync_directory, make_directory, read_regular, storing
from kreis.errors import CorruptionError, StoreError

__all__ = ["ArtifactFolder"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
_LARGEST = 1 << 40


class ArtifactFolder:
    """An `ArtifactStore`. What `put` returned a digest for is on disk, and `get` verifies every read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries_on_disk: set[str] = set()

    def put(self, data: bytes) -> str:
        """Store bytes; returns their SHA-256. Storing them again does nothing, or repairs a corrupt file.

        Raises:
            StoreError: the bytes could not be brought to disk.
        """
        digest = digest_of(data)
        with storing(f"artifact {digest}"):
            self._place(digest, None if self._intact(digest) else self._write(iter([data]))[1])
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes, verified.

        Raises:
            CorruptionError: the stored bytes are not those that were put; names the file.
            StoreError: there is no such artifact, or `digest` is none.
        """
        path = self.path_of(digest)
        try:
            with storing(f"artifact {digest}"):
                data = read_regular(path, _LARGEST)
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise StoreError("there is no such artifact", where=str(path)) from error
            raise
        if digest_of(data) != digest:
            raise CorruptionError(
                "the bytes differ from those that were stored",
                where=str(path),
                hint="restore the file from a backup, or make the same bytes again: `kreis run --start-at training`",
            )
        return data

    def has(self, digest: str) -> bool:
        """Whether it is stored (not whether its bytes are whole).

        Raises:
            StoreError: `digest` is not 64 hexadecimal digits.
        """
        return self.path_of(digest).is_file()

    def forget(self, digest: str) -> bool:
        """Delete an artifact; when it returns, the name is gone from disk too.

        Raises:
            StoreError: it could not be deleted, or `digest` is not 64 hexadecimal digits.
        """
        path = self.path_of(digest)
        with storing(f"artifact {digest}"):
            found = path.is_file()
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                fsync_directory(path.parent)
        return found

    def check(self) -> list[ArtifactProblem]:
        """Read everything; says what is corrupt, left over or stray, by path."""
        problems: list[ArtifactProblem] = []
        with storing(f"artifacts in {self._root}"):
            for path in sorted(self._files()):
                name = path.parent.name + path.name
                if path.name.endswith(".tmp") and path.parent == self._root:
                    problems.append(ArtifactProblem(str(path), "leftover"))
                elif not _DIGEST.fullmatch(name) or path.parent.parent != self._root or path.is_symlink():
                    problems.append(ArtifactProblem(str(path), "stray"))
                elif not path.is_file() or digest_of_file(path) != name:
                    problems.append(ArtifactProblem(str(path), "corrupt"))
        return problems

    def sweep(self) -> list[str]:
        """Delete what interrupted writes left; nobody may be storing anything meanwhile.

        Returns:
            The files that were deleted.

        Raises:
            StoreError: a file cannot be deleted.
        """
        with storing(f"artifacts in {self._root}"):
            leftovers = sorted(self._root.glob(".*.tmp"))
            for path in leftovers:
                path.unlink()
        return [str(path) for path in leftovers]

    def _files(self) -> Iterator[Path]:
        return (Path(folder, name) for folder, _, names in os.walk(self._root) for name in names)

    def where(self, digest: str) -> str:
        """The file of an artifact; see `path_of`."""
        return str(self.path_of(digest))

    def path_of(self, digest: str) -> Path:
        """Where an artifact lies, or would.

        Raises:
            StoreError: `digest` is not 64 hexadecimal digits.
        """
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"an artifact's name is 64 hexadecimal digits, not {digest[:80]!r}", where="artifacts")
        return self._root / digest[:2] / digest[2:]

    def _intact(self, digest: str) -> bool:
        path = self.path_of(digest)
        return path.is_file() and digest_of_file(path) == digest

    def _write(self, pieces: Iterator[bytes]) -> tuple[str, Path]:
        """Bytes to a temporary file, on disk; returns their digest and the file."""
        make_directory(self._root)
        temporary = self._root / f".{secrets.token_hex(8)}.tmp"
        digest = hashlib.sha256()
        try:
            with open(temporary, "xb", buffering=0) as file:
                for piece in pieces:
                    digest.update(piece)
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return digest.hexdigest(), temporary

    def _place(self, digest: str, temporary: Path | None) -> None:
        """Give a written file its name, and bring the name to disk even where another process gave it."""
        path = self.path_of(digest)
        if temporary is not None:
            try:
                path.parent.mkdir(exist_ok=True)
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        fsync_directory(path.parent)
        if digest[:2] not in self._entries_on_disk:
            fsync_directory(self._root)
            self._entries_on_disk.add(digest[:2])
