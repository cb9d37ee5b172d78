"""Locks that processes heed: one holds it, the others wait or do something else. Who dies lets go.

`FileLock` holds among the processes of one machine; where the ledger is in PostgreSQL, its `Ledger.lock` holds among
those of all machines. What a process holds on a file while it writes to it (a segment of the prediction log, the
ledger's head) is no lock of this kind: it says of the file itself that somebody writes to it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

__all__ = ["FileLock", "Lock", "holding", "holding_if_free", "is_held"]


class Lock(Protocol):
    """Held by one at a time, threads of one process included. The behaviour suite is `tests/test_locks.py`."""

    def take(self, *, wait: bool) -> Callable[[], None] | None:
        """Hold it, or say that another one does.

        Args:
            wait: until it is free.

        Returns:
            What lets go of it; None where another one holds it (never, if waited for).

        Raises:
            OSError, StoreError: it cannot be asked.
        """
        ...


@contextmanager
def holding(lock: Lock) -> Iterator[None]:
    """Hold a lock; waits for it."""
    let_go = lock.take(wait=True)
    try:
        yield
    finally:
        if let_go is not None:
            let_go()


@contextmanager
def holding_if_free(lock: Lock) -> Iterator[bool]:
    """Hold a lock if nobody does; says whether it is held."""
    let_go = lock.take(wait=False)
    try:
        yield let_go is not None
    finally:
        if let_go is not None:
            let_go()


def is_held(path: Path) -> bool:
    """Whether a process holds the `FileLock` of this name. Needs no right to write.

    Raises:
        OSError: it cannot be asked.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class FileLock:
    """A lock by the name of a file, which is made and stays (flock: not for network file systems)."""

    def __init__(self, path: Path, *, mode: int = 0o640) -> None:
        self._path, self._mode = path, mode

    def take(self, *, wait: bool) -> Callable[[], None] | None:
        """Hold it, or say that another one does; see `Lock.take`."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        return lambda: os.close(handle)
