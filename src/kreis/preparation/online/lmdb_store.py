"""The online store on LMDB: readers in any number of processes, never blocked, and one writer at a time.

The store is derived from the tables and can always be fed anew. So a commit is handed to the operating system
and not forced to disk: it survives a crash of the process. A power cut may leave LMDB's pages half written;
therefore a marker file, durable itself, says in which boot of the machine the store is open for writing, and a
store that was open when the machine went down is thrown away when it is next opened for writing. With
`durable=True` every commit is forced to disk instead, and nothing is thrown away.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import lmdb

from kreis.durable import clear_leftovers, make_directory, write_durably
from kreis.errors import StoreError
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.store import Get, Rows
from kreis.preparation.online.tiles import Row, add_rows, drop_tiles

__all__ = ["LmdbStore"]

T = TypeVar("T")

_MAP_SIZE = 1 << 30
"""Address space, not disk or memory; doubles when it is full."""
_CLEAN = b"clean"
_POSITION_BYTES = 8


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
        self._marker = folder / "open"
        if not readonly:
            make_directory(folder)
            self._writer = _only_writer(folder)
            self._discard_if_torn()
            clear_leftovers(self._marker)
            boot = _boot()
            durable = durable or boot is None
            write_durably(self._marker, _CLEAN if durable or boot is None else boot)
        elif not (folder / "data.mdb").exists() or self._torn():
            hint = "feed it: `kreis run` does"
            raise StoreError("there is no online store that can be read", where=str(folder), hint=hint)
        flags: dict[str, Any] = {"readonly": readonly, "sync": durable, "metasync": durable, "writemap": False}
        try:
            self._env = lmdb.open(str(folder), map_size=map_size, max_readers=1024, readahead=True, **flags)
        except lmdb.Error as error:
            raise StoreError(f"LMDB cannot open it: {error}", where=str(folder)) from error
        self._gate = threading.Lock()
        """Held while reading and while the map is moved: within one process, a map must not move under a reader."""

    def snapshot(self) -> _Snapshot:
        """Read one consistent state; the `Get` that it yields is good until it is left."""
        return _Snapshot(self)

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        """Add batches in one transaction; see `OnlineStore.append`."""
        return self._write(lambda transaction: _append(transaction, batches, position))

    def position(self, layout: Layout) -> int | None:
        """The position of the last batch of a view; None for a view that was never fed."""
        with self.snapshot() as get:
            value = get(layout.view_key)
            return None if value is None else _position(value)

    def expire(self, layout: Layout, before: int) -> int:
        """Drop a view's tiles that end before a moment; see `OnlineStore.expire`."""
        return self._write(lambda transaction: _expire(transaction, layout, before))

    def clear(self, layout: Layout) -> None:
        """Forget everything about a view, to feed it again."""
        self._write(lambda transaction: _clear(transaction, layout))

    def close(self) -> None:
        """Let go of the files; after a clean end on disk."""
        with self._gate:
            if not self._readonly:
                self._env.sync(True)
                write_durably(self._marker, _CLEAN)
            self._env.close()
            if not self._readonly:
                os.close(self._writer)

    def _write(self, work: Callable[[Any], T]) -> T:
        """Run `work` in one transaction; again, in a larger map, if it is full."""
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    return work(transaction)
            except lmdb.MapFullError:
                self._resize(self._env.info()["map_size"] * 2)
            except lmdb.MapResizedError:
                self._resize(0)
            except lmdb.Error as error:
                raise StoreError(f"the online store cannot be written: {error}", where=str(self._folder)) from error

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
            for name in ("data.mdb", "lock.mdb"):
                (self._folder / name).unlink(missing_ok=True)


class _Snapshot:
    """A read transaction, begun on entering."""

    __slots__ = ("_store", "_transaction")

    def __init__(self, store: LmdbStore) -> None:
        self._store = store

    def __enter__(self) -> Get:
        store = self._store
        while True:
            store._gate.acquire()
            try:
                self._transaction = store._env.begin(buffers=True)
            except lmdb.MapResizedError:
                store._gate.release()
                store._resize(0)
                continue
            except BaseException as error:
                store._gate.release()
                if isinstance(error, lmdb.Error):
                    raise StoreError(f"the online store cannot be read: {error}") from error
                raise
            get: Get = self._transaction.get
            return get

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._transaction.abort()
        finally:
            self._store._gate.release()


def _append(transaction: Any, batches: Sequence[Rows], position: int) -> int:
    version, added = transaction.id(), 0
    for batch in batches:
        layout = batch.layout
        stored = transaction.get(layout.view_key)
        if stored is not None and _position(stored) >= position:
            continue
        for entity, rows in _by_entity(batch).items():
            key = layout.entity_key(entity)
            record, parts = add_rows(layout, transaction.get(key), rows, version)
            transaction.put(key, record)
            for tile, part in parts.items():
                tile_key = layout.tile_key(key, tile)
                transaction.put(tile_key, transaction.get(tile_key, b"") + part)
            added += len(rows)
        transaction.put(layout.view_key, position.to_bytes(_POSITION_BYTES, "little", signed=True) + _name(layout))
    return added


def _by_entity(batch: Rows) -> dict[str, list[Row]]:
    times = zip(batch.event_time.tolist(), batch.known_at.tolist(), batch.values.tolist(), strict=True)
    groups: dict[str, list[Row]] = {}
    for entity, (event, known, values) in zip(batch.entities, times, strict=True):
        groups.setdefault(entity, []).append((event, known, *values))
    return groups


def _expire(transaction: Any, layout: Layout, before: int) -> int:
    version, dropped = transaction.id(), 0
    records = list(_under(transaction, b"e" + layout.identity))
    for key in records:
        old = transaction.get(key)
        record, gone = drop_tiles(layout, old, before, version)
        if gone:
            if len(record) > layout.headers_at:
                transaction.put(key, record)
            else:
                transaction.delete(key)
            for tile in gone:
                transaction.delete(layout.tile_key(key, tile))
            dropped += len(gone)
    return dropped


def _clear(transaction: Any, layout: Layout) -> None:
    for kind in (b"v", b"e", b"t"):
        for key in list(_under(transaction, kind + layout.identity)):
            transaction.delete(key)


def _under(transaction: Any, prefix: bytes) -> Any:
    """The keys that start with a prefix."""
    cursor = transaction.cursor()
    if cursor.set_range(prefix):
        for key in cursor.iternext(keys=True, values=False):
            if not key.startswith(prefix):
                return
            yield key


def _position(value: Any) -> int:
    return int.from_bytes(value[:_POSITION_BYTES], "little", signed=True)


def _name(layout: Layout) -> bytes:
    return layout.view.name.encode()


def _boot() -> bytes | None:
    """Names the running boot of this machine; None where the system does not say."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_bytes().strip() if path.exists() else None


def _only_writer(folder: Path) -> int:
    """Take the lock that one writer holds, for as long as the returned file is open."""
    handle = os.open(folder / "writer", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        hint = "end it, or open the store for reading"
        raise StoreError("another process feeds this online store", where=str(folder), hint=hint) from error
    return handle
