"""The ledger's head, kept a second time beside it: what the database forgets, this still knows.

SQLite drops a damaged end of its write-ahead log without a word, and a database that was put back from an old copy
looks whole. So position and hash of the newest entry also stand in a small file of their own, forced to disk before a
record is acknowledged and after the database has it: a crash between the two leaves the ledger ahead of its head,
which is mended by the next record; a ledger behind its head has lost what it acknowledged.

The file has two slots that take turns, so that a torn write leaves the one before.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from kreis.digests import digest_of
from kreis.durable import fsync_directory
from kreis.errors import CorruptionError
from kreis.ledger import chain

__all__ = ["Head", "advance", "compare", "path_beside", "read", "reset"]

SLOT = 4096
"""Bytes from one slot to the next: two slots never share a sector or a page."""

WAY_BACK = (
    "`kreis ledger restore BACKUP --reason …` puts a backup back; without one, `kreis ledger accept --reason …` goes on"
    " from what is left, on record"
)

_TEXT = re.compile(rb"(kreis\.head/1 (\d{1,18}) ([0-9a-f]{64})) ([0-9a-f]{16})\n")


class Head(NamedTuple):
    """The newest acknowledged entry."""

    position: int
    hash: str


def path_beside(ledger: Path) -> Path:
    """Where the head of a ledger in a file is kept."""
    return ledger.with_name(f"{ledger.name}-head")


def read(path: Path) -> Head | None:
    """What the file says; None where it is missing, cannot be read, or has no whole slot."""
    try:
        # Not blocking, so that a FIFO in its place cannot hold anybody up.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _newest(handle) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def compare(held: Head | None, connection: Connection, *, where: str) -> None:
    """Refuse a ledger that lacks what its head says was acknowledged. Being ahead of it is fine.

    Args:
        held: what `read` gave, read before the ledger is.
        connection: to the ledger.
        where: what the ledger is called in messages.

    Raises:
        CorruptionError: the ledger ends before its head, or has another entry in its place.
    """
    if held is None or held.position == 0:
        return
    last, _ = chain.last(connection) or (0, chain.GENESIS)
    if last < held.position:
        lost = (
            f"entry {held.position} is" if last + 1 == held.position else f"entries {last + 1} to {held.position} are"
        )
        raise CorruptionError(
            f"ends at entry {last}, but entry {held.position} was acknowledged: {lost} lost (the write-ahead log beside"
            " it is damaged or gone, or an older copy was put in its place)",
            where=where,
            hint=WAY_BACK,
        )
    if chain.hash_at(connection, held.position) != held.hash:
        raise CorruptionError(
            f"entry {held.position} is not the one that was acknowledged: this is another ledger, or its history was"
            " rewritten",
            where=where,
            hint=WAY_BACK,
        )


def advance(path: Path, head: Head) -> None:
    """Say that the ledger goes as far as this; on disk when it returns. An older head changes nothing.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        reset(path, head)
        return
    with _locked(path) as handle:
        held = _newest(handle)
        if held is not None and held.position >= head.position:
            return
        said = b"kreis.head/1 %d %s" % (head.position, head.hash.encode())
        slot = b"%s %s\n" % (said, digest_of(said)[:16].encode())
        os.pwrite(handle, slot.ljust(SLOT), SLOT * (head.position % 2))
        os.fdatasync(handle)


def reset(path: Path, head: Head) -> None:
    """Say anew how far the ledger goes, whatever was said before: after a restore, or an accepted loss.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        advance(draft, head)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    fsync_directory(path.parent)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file opened for writing, with a lock that processes, threads and forked children all heed."""
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
    if is_new:
        fsync_directory(path.parent)


def _newest(handle: int) -> Head | None:
    found = [_parsed(os.pread(handle, SLOT, SLOT * number)) for number in (0, 1)]
    return max((head for head in found if head is not None), default=None)


def _parsed(slot: bytes) -> Head | None:
    match = _TEXT.match(slot)
    if match is None or digest_of(match[1])[:16].encode() != match[4]:
        return None
    return Head(int(match[2]), match[3].decode())
