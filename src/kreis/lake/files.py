"""Data files: written to disk before anyone names them, verified before anyone reads them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Hashable, Iterable
from io import BytesIO
from pathlib import Path

import polars as pl

from kreis.digests import digest_of, digest_of_document, digest_of_file
from kreis.errors import CorruptionError
from kreis.lake.layout import TableFolder
from kreis.lake.storage import LakeStorage
from kreis.ledger.records import LakeFile

__all__ = ["Verifier", "digest_at", "fingerprint", "write_data_file", "write_parquet"]


def write_data_file(
    folder: TableFolder, version: int, frame: pl.DataFrame, *, day: str | None = None, order: int | None = None
) -> LakeFile:
    """Write a frame under a fresh name; file and name are durable when it returns.

    Args:
        folder: the table's.
        version: that it is written for.
        frame: the rows.
        day: to which all its rows belong.
        order: the version whose place among the rows it takes.

    Raises:
        OSError: the disk is full or read-only; what was written of the file is gone.
    """
    name = f"{version:08}-{secrets.token_hex(8)}.parquet"
    buffer = BytesIO()
    write_parquet(frame, buffer)
    data = buffer.getvalue()
    folder.storage.put_if_absent(folder.file(name), data)
    return LakeFile(path=name, sha256=digest_of(data), size=len(data), rows=frame.height, day=day, order=order)


def write_parquet(frame: pl.DataFrame, target: BytesIO) -> None:
    """The one way in which the lake writes Parquet; equal frames in one chunk give equal bytes."""
    frame.write_parquet(target, compression="zstd", compression_level=1, statistics=True)


def digest_at(storage: LakeStorage, key: str) -> str:
    """The SHA-256 of an object.

    Raises:
        FileNotFoundError: there is none.
    """
    source = storage.source(key)
    return digest_of_file(Path(source)) if isinstance(source, str) else digest_of(source)


def fingerprint(
    before: str, schema: pl.Schema, added: Iterable[LakeFile], *, new_schema: bool, removed: Iterable[LakeFile] = ()
) -> str:
    """The digest of a version's contents; one that changes neither rows nor schema keeps the one before.

    Equal frames give equal Parquet bytes, however they were chunked, sliced or made (one rechunk, one writer;
    proved in tests/lake/test_lake_fingerprint.py for the installed Polars), so the files' digests stand for
    the rows.

    Args:
        before: the fingerprint of the version that is appended to; empty for an overwrite or a first version.
        schema: of the whole table, from this version on.
        added: the files that the version adds.
        new_schema: whether the schema is not that of the version before.
        removed: the files whose rows it takes away.
    """
    if gone := sorted(file.sha256 for file in removed):
        before = digest_of_document([before, "without", gone])
    files = [file.sha256 for file in added if file.rows]
    if before and not files and not new_schema:
        return before
    columns = [[name, str(kind)] for name, kind in schema.items()]
    return digest_of_document([before, columns, files])


class Verifier:
    """Compares data files with their acknowledged digests, each once as long as it stays the same file."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, Hashable, int, str]] = set()
        self._lock = threading.Lock()

    def verify(self, folder: TableFolder, file: LakeFile, *, where: str, anew: bool = False) -> None:
        """Say nothing if the file is the one that was acknowledged.

        Args:
            folder: the table's.
            file: its acknowledged size and digest.
            where: the table and version, for the message.
            anew: read it even if it was read before.

        Raises:
            CorruptionError: the file is gone or its bytes differ; names it.
        """
        key, storage = folder.file(file.path), folder.storage
        found = storage.stat(key)
        if found is None:
            raise CorruptionError(f"data file {storage.place(key)} is gone", where=where, hint=_RESTORE)
        seen = (key, found.mark, found.size, file.sha256)
        if seen in self._seen and not anew:
            return
        if found.size != file.size or digest_at(storage, key) != file.sha256:
            with self._lock:
                self._seen.discard(seen)
            raise CorruptionError(
                f"data file {storage.place(key)} is not what was acknowledged", where=where, hint=_RESTORE
            )
        with self._lock:
            self._seen.add(seen)


_RESTORE = (
    "restore it from a backup, or rebuild the table: `kreis run --start-at collection`; other versions may be whole"
)
