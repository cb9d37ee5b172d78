"""Data files: written to disk before anyone names them, verified before anyone reads them."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import polars as pl

from kreis.digests import digest_of_document, digest_of_file
from kreis.durable import fsync_directory, fsync_file
from kreis.errors import CorruptionError, StoreError
from kreis.ledger.records import LakeFile

__all__ = ["Verifier", "fingerprint", "write_data_file", "write_parquet"]


def write_data_file(folder: Path, version: int, frame: pl.DataFrame) -> LakeFile:
    """Write a frame under a fresh name; file and name are on disk when it returns.

    Raises:
        OSError: the disk is full or read-only; what was written of the file is gone.
        StoreError: Polars could not write it for another reason.
    """
    path = folder / f"{version:08}-{secrets.token_hex(8)}.parquet"
    try:
        write_parquet(frame, path)
        fsync_file(path)
    except pl.exceptions.PolarsError as error:
        path.unlink(missing_ok=True)
        raise _explained(error, path) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    fsync_directory(folder)
    return LakeFile(path=path.name, sha256=digest_of_file(path), size=path.stat().st_size, rows=frame.height)


def write_parquet(frame: pl.DataFrame, target: Path | BytesIO) -> None:
    """The one way in which the lake writes Parquet; equal frames in one chunk give equal bytes."""
    frame.write_parquet(target, compression="zstd", compression_level=1, statistics=True)


def _explained(error: pl.exceptions.PolarsError, path: Path) -> Exception:
    """Polars tells of a full disk by a `ComputeError` whose text ends in "(os error 28)"."""
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        return OSError(int(found[1]), os.strerror(int(found[1])), str(path))
    return StoreError(f"Polars could not write {path}: {error}", where="lake")


def fingerprint(before: str, schema: pl.Schema, added: Iterable[LakeFile], *, new_schema: bool) -> str:
    """The digest of a version's contents; one that changes neither rows nor schema keeps the one before.

    Equal frames give equal Parquet bytes, however they were chunked, sliced or made (one rechunk, one writer;
    proved in tests/lake/test_lake_fingerprint.py for the installed Polars), so the files' digests stand for
    the rows.

    Args:
        before: the fingerprint of the version that is appended to; empty for an overwrite or a first version.
        schema: of the whole table, from this version on.
        added: the files that the version adds.
        new_schema: whether the schema is not that of the version before.
    """
    files = [file.sha256 for file in added if file.rows]
    if before and not files and not new_schema:
        return before
    columns = [[name, str(kind)] for name, kind in schema.items()]
    return digest_of_document([before, columns, files])


class Verifier:
    """Compares data files with their acknowledged digests, each once as long as it stays the same file."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int, int, int, str]] = set()
        self._lock = threading.Lock()

    def verify(self, path: Path, file: LakeFile, *, where: str, anew: bool = False) -> None:
        """Say nothing if the file is the one that was acknowledged.

        Args:
            path: where it lies.
            file: its acknowledged size and digest.
            where: the table and version, for the message.
            anew: read it even if it was read before.

        Raises:
            CorruptionError: the file is gone or its bytes differ; names it.
        """
        try:
            stat = path.stat()
            key = (str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino, file.sha256)
            if key in self._seen and not anew:
                return
            whole = stat.st_size == file.size and digest_of_file(path) == file.sha256
        except FileNotFoundError as error:
            raise CorruptionError(f"data file {path} is gone", where=where, hint=_RESTORE) from error
        if not whole:
            with self._lock:
                self._seen.discard(key)
            raise CorruptionError(f"data file {path} is not what was acknowledged", where=where, hint=_RESTORE)
        with self._lock:
            self._seen.add(key)


_RESTORE = (
    "restore it from a backup, or make the table anew: `kreis run --from collection`; other versions may be whole"
)
