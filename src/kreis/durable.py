"""Bytes on disk before anyone is told: fsync of the file and of its directory."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kreis.errors import CorruptionError, StoreError

__all__ = [
    "clear_leftovers",
    "create_privately",
    "disk_of",
    "fsync_directory",
    "fsync_file",
    "make_directory",
    "read_regular",
    "storing",
    "write_durably",
]

_LITTLE = 1024**2
"""Bytes below which a disk is called full."""


def fsync_file(path: Path) -> None:
    """Force a file's bytes to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_directory(path: Path) -> None:
    """Force a directory's entries to disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents, each one's entry on disk."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file. A pipe, a device or a folder in its place is refused, never waited for.

    Args:
        path: The file.
        limit: Bytes that it may have at most; a larger one is not read.

    Raises:
        FileNotFoundError: nothing stands there.
        CorruptionError: something else than a file stands there, or the file is larger.
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise CorruptionError("it is not a regular file", where=str(path), hint="move it away; restore the file")
        if found.st_size > limit:
            raise CorruptionError(f"it has {found.st_size} bytes; at most {limit} are read", where=str(path))
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(found.st_size)  # not `limit`, for which room would be made
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the directory."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    except BaseException:
        os.close(handle)
        temporary.unlink(missing_ok=True)
        raise
    os.close(handle)
    temporary.rename(path)
    fsync_directory(path.parent)


def create_privately(path: Path, data: bytes) -> bool:
    """Create a file of mode 0600 whole or not at all; false where another process was first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.close(handle)
        fsync_file(temporary)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    fsync_directory(path.parent)
    return True


def clear_leftovers(path: Path) -> None:
    """Delete what interrupted writes of a file left beside it; the caller is its only writer."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


def disk_of(path: Path) -> str:
    """How the disk stands that holds a path, for a message: full, read-only, or not writable by this user."""
    folder = path if path.is_dir() else path.parent
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return f"{folder} cannot be asked ({error.strerror})"
    if found.f_flag & os.ST_RDONLY:
        return f"the disk that holds {folder} is read-only"
    free = found.f_bavail * found.f_frsize
    if free < _LITTLE:
        return f"the disk that holds {folder} is full ({free // 1024:,} KiB free)"
    if not os.access(folder, os.W_OK):
        return f"this user may not write in {folder}"
    return f"the disk that holds {folder} has {free // 1024**2:,} MiB free"


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an error of the operating system into a `StoreError` that says what could not be stored or read."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise StoreError(
            f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""),
            where=what,
            hint="free some space and try again; nothing acknowledged was touched"
            if full
            else "ask the owner of the folder for write access; reading works without"
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            else None,
        ) from error
