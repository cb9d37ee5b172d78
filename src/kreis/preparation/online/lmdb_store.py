"""The online store on LMDB: readers in any number of processes, never blocked, and one writer at a time.

The store is derived from the tables and can always be fed anew. So a commit is handed to the operating system
and not forced to disk: it survives a crash of the process. A power cut may leave LMDB's pages half written;
therefore a marker file, durable itself, says in which boot of the machine the store is open for writing, and a
store that was open when the machine went down is thrown away when it is next opened for writing. With
`durable=True` every commit is forced to disk instead, and nothing is thrown away.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import lmdb

from kreis.durable import clear_leftovers, make_directory, write_durably
from kreis.errors import CorruptionError, StoreError
from kreis.locks import FileLock
from kreis.preparation.online import updates
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.store import Read, Rows, Source

__all__ = ["MARKER", "LmdbPlace", "LmdbStore", "damaged", "discard"]

T = TypeVar("T")
_DAMAGED = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.PanicError)

_MAP_SIZE = 1 << 30
"""Address space, not disk or memory; doubles when it is full."""
_FOLLOW_S = 1.0
"""How often a reader looks whether another store has taken this one's place."""
_CLEAN = b"clean"
MARKER = "open"
"""The file that says how the last writer ended; a folder without it holds no store."""


class LmdbStore:
    """An `OnlineStore` in a folder. One object per folder and process; open it after a fork, not before.

    Args:
        folder: made if missing (unless `readonly`).
        readonly: opens for reading alone, as the service does.
        durable: force each commit to disk.
        map_size: bytes of address space to start with.

    Raises:
        StoreError: the folder holds no store (readonly), another process writes it, or LMDB cannot read it.
    """

    def __init__(
        self, folder: Path, *, readonly: bool = False, durable: bool = False, map_size: int = _MAP_SIZE
    ) -> None:
        self._folder = folder
        self._readonly = readonly
        self._marker = folder / MARKER
        if not readonly:
            make_directory(folder)
            self._let_go = _only_writer(folder)
            self._discard_if_torn()
            clear_leftovers(self._marker)
            boot = _boot()
            durable = durable or boot is None
            write_durably(self._marker, _CLEAN if durable or boot is None else boot)
        elif not (folder / "data.mdb").exists() or self._torn():
            hint = "feed it: `kreis run` does"
            raise StoreError("there is no online store that can be read", where=str(folder), hint=hint)
        self._fed = True
        """False from going over to another store until that one has been fed."""
        self._flags: dict[str, Any] = {"readonly": readonly, "sync": durable, "metasync": durable, "map_size": map_size}
        lock = folder / "lock.mdb"
        if readonly and not os.access(lock if lock.exists() else folder, os.W_OK):
            self._flags["lock"] = False  # who may only read cannot tell writers that he does
        self._open()
        self._snapshot = _Snapshot(self)
        self._gate = threading.Lock()
        """Held while reading and while the map is moved: within one process, a map must not move under a reader."""

    def _open(self) -> None:
        try:
            self._env = lmdb.open(str(self._folder), max_readers=1024, readahead=True, writemap=False, **self._flags)
        except _DAMAGED as error:
            raise damaged(self._folder, error) from error
        except lmdb.Error as error:
            raise StoreError(f"LMDB cannot open it: {error}", where=str(self._folder)) from error
        self._file, self._checked = self._inode(), time.monotonic()
        pages = self._env.info()["last_pgno"] + 1
        if (self._folder / "data.mdb").stat().st_size < pages * self._env.stat()["psize"]:
            self._env.close()
            raise damaged(self._folder, "its file was cut off")  # reading beyond its end would end the process

    def _inode(self) -> int:
        try:
            return (self._folder / "data.mdb").stat().st_ino
        except FileNotFoundError:
            return 0

    def _follow(self) -> None:
        """Go over to the store that has taken this one's place, if one has (see `discard`). The gate is held."""
        self._checked = time.monotonic()
        if self._readonly and self._inode() not in (self._file, 0):
            self._env.close()
            self._open()
            self._fed = False

    def _refuse_unfed(self, transaction: Any) -> None:
        with transaction.cursor() as cursor:
            self._fed = bool(cursor.set_range(b"v")) and bytes(cursor.key()[:1]) == b"v"
        if not self._fed:
            transaction.abort()
            raise StoreError(
                "the online store is being fed again", where=str(self._folder), hint="ask again in a moment"
            )

    def snapshot(self) -> _Snapshot:
        """Read one consistent state; the `Read` that it yields is good until it is left."""
        return self._snapshot

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        """Add batches in one transaction; see `OnlineStore.append`."""
        return self._write(lambda transaction, version: updates.append(transaction, batches, position, version))

    def position(self, layout: Layout) -> int | None:
        """The position of the last batch of a view; None for a view that was never fed."""
        with self.snapshot() as read:
            (value,) = read([layout.view_key])
            return None if value is None else updates.reading_of(layout, value)[0]

    def source(self, layout: Layout) -> Source:
        """What a view was fed with."""
        with self.snapshot() as read:
            (value,) = read([layout.view_key])
            return Source() if value is None else updates.reading_of(layout, value)[1]

    def expire(self, layout: Layout, before: int) -> int:
        """Drop a view's tiles that end before a moment; see `OnlineStore.expire`."""
        return self._write(lambda transaction, version: updates.expire(transaction, layout, before, version))

    def clear(self, layout: Layout) -> None:
        """Forget everything about a view, to feed it again."""
        self._write(lambda transaction, _: updates.clear(transaction, layout))

    def close(self) -> None:
        """Let go of the files; after a clean end on disk."""
        with self._gate:
            if not self._readonly:
                self._env.sync(True)
                write_durably(self._marker, _CLEAN)
            self._env.close()
            if not self._readonly:
                self._let_go()

    def _write(self, work: Callable[[_Write, int], T]) -> T:
        """Run `work`, with the version that it writes, in one transaction; again, in a larger map, if it is full."""
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    return work(_Write(transaction), self._version(transaction))
            except lmdb.MapFullError:
                self._resize(self._env.info()["map_size"] * 2)
            except lmdb.MapResizedError:
                self._resize(0)
            except _DAMAGED as error:
                raise damaged(self._folder, error) from error
            except lmdb.Error as error:
                raise StoreError(f"the online store cannot be written: {error}", where=str(self._folder)) from error

    def _version(self, transaction: Any) -> int:
        """Of what a transaction writes; never one that a store before this one, at the same place, has used."""
        return int(transaction.id()) | self._file % 2**22 << 40

    def _resize(self, size: int) -> None:
        """Move to a map of `size` bytes; 0 adopts what another process has chosen."""
        with self._gate:
            self._env.set_mapsize(size)

    def _torn(self) -> bool:
        """Whether it was open for writing when the machine went down."""
        if not self._marker.exists():
            return (self._folder / "data.mdb").exists()
        return self._marker.read_bytes() not in (_CLEAN, _boot())

    def _discard_if_torn(self) -> None:
        if self._torn():
            discard(self._folder)


def discard(folder: Path) -> None:
    """Throw a store away, to be fed again. A reader that has it open goes over to the new one within a second."""
    for name in ("data.mdb", "lock.mdb", MARKER):
        (folder / name).unlink(missing_ok=True)


class LmdbPlace:
    """An `OnlinePlace` that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def open(self, *, readonly: bool = False, checked: bool = False) -> LmdbStore:
        """Open the store; see `OnlinePlace.open`."""
        if checked and (found := self.problems()):
            raise damaged(self.folder, "; ".join(found))
        return LmdbStore(self.folder, readonly=readonly)

    def exists(self) -> bool:
        """Whether a store is there."""
        return (self.folder / "data.mdb").exists()

    def problems(self) -> list[str]:
        """What is damaged; see `inspection`."""
        from kreis.preparation.online.inspection import problems_of

        return problems_of(self.folder)

    def discard(self) -> None:
        """Throw the store away, to be fed again."""
        discard(self.folder)


class _Snapshot:
    """A read transaction, begun on entering. One does for a store, since who reads holds the gate."""

    __slots__ = ("_store", "_transaction")

    def __init__(self, store: LmdbStore) -> None:
        self._store = store

    def __enter__(self) -> Read:
        store = self._store
        while True:
            store._gate.acquire()
            try:
                if time.monotonic() - store._checked > _FOLLOW_S:
                    store._follow()
                self._transaction = store._env.begin(buffers=True)
                if not store._fed:
                    store._refuse_unfed(self._transaction)
            except lmdb.MapResizedError:
                store._gate.release()
                store._resize(0)
                continue
            except _DAMAGED as error:
                store._gate.release()
                raise damaged(store._folder, error) from error
            except BaseException as error:
                store._gate.release()
                if isinstance(error, lmdb.Error):
                    raise StoreError(f"the online store cannot be read: {error}") from error
                raise
            return partial(map, self._transaction.get)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._transaction.abort()
        finally:
            self._store._gate.release()


class _Write:
    """LMDB's transaction as `updates` uses one."""

    __slots__ = ("_transaction", "delete", "put")

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction
        self.put, self.delete = transaction.put, transaction.delete

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return list(map(self._transaction.get, keys))

    def under(self, prefix: bytes) -> Iterator[bytes]:
        cursor = self._transaction.cursor()
        if cursor.set_range(prefix):
            for key in cursor.iternext(keys=True, values=False):
                if not key.startswith(prefix):
                    return
                yield key


def damaged(folder: Path, what: object) -> CorruptionError:
    """The error that says so, and the way back."""
    hint = "delete this folder, then `kreis run` feeds it again from the tables"
    return CorruptionError(f"the online store is damaged: {what}", where=str(folder), hint=hint)


def _boot() -> bytes | None:
    """Names the running boot of this machine; None where the system does not say."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_bytes().strip() if path.exists() else None


def _only_writer(folder: Path) -> Callable[[], None]:
    """Take the lock that one writer holds; returns what lets go of it."""
    let_go = FileLock(folder / "writer", mode=0o644).take(wait=False)
    if let_go is None:
        hint = "end it, or open the store for reading"
        raise StoreError("another process feeds this online store", where=str(folder), hint=hint)
    return let_go
