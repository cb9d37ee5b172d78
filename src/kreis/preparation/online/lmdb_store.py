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
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import lmdb
import numpy as np
import numpy.typing as npt

from kreis.durable import clear_leftovers, make_directory, write_durably
from kreis.errors import CorruptionError, StoreError
from kreis.preparation.online.layout import Layout, sealed
from kreis.preparation.online.store import Get, Rows, Source
from kreis.preparation.online.tiles import Row, add_rows, drop_tiles

__all__ = ["LmdbStore", "damaged", "discard"]

T = TypeVar("T")
_DAMAGED = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.PanicError)

_MAP_SIZE = 1 << 30
"""Address space, not disk or memory; doubles when it is full."""
_FOLLOW_S = 1.0
"""How often a reader looks whether another store has taken this one's place."""
_CLEAN = b"clean"
_VIEW = struct.Struct("<q2Q")
"""Position, digest of the rows, mark of the table; the name follows."""
_POSITION = struct.Struct("<q")


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
        self._fed = True
        """False from going over to another store until that one has been fed."""
        self._flags: dict[str, Any] = {"readonly": readonly, "sync": durable, "metasync": durable, "map_size": map_size}
        lock = folder / "lock.mdb"
        if readonly and not os.access(lock if lock.exists() else folder, os.W_OK):
            self._flags["lock"] = False  # who may only read cannot tell writers that he does
        self._open()
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
                "the online store is being fed anew", where=str(self._folder), hint="ask again in a moment"
            )

    def snapshot(self) -> _Snapshot:
        """Read one consistent state; the `Get` that it yields is good until it is left."""
        return _Snapshot(self)

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        """Add batches in one transaction; see `OnlineStore.append`."""
        return self._write(lambda transaction: _append(transaction, batches, position, self._version(transaction)))

    def position(self, layout: Layout) -> int | None:
        """The position of the last batch of a view; None for a view that was never fed."""
        with self.snapshot() as get:
            value = get(layout.view_key)
            return None if value is None else _stands(layout, value)[0]

    def source(self, layout: Layout) -> Source:
        """What a view was fed with."""
        with self.snapshot() as get:
            value = get(layout.view_key)
            return Source() if value is None else _stands(layout, value)[1]

    def expire(self, layout: Layout, before: int) -> int:
        """Drop a view's tiles that end before a moment; see `OnlineStore.expire`."""
        return self._write(lambda transaction: _expire(transaction, layout, before, self._version(transaction)))

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
    """Throw a store away, to be fed anew. A reader that has it open goes over to the new one within a second."""
    for name in ("data.mdb", "lock.mdb"):
        (folder / name).unlink(missing_ok=True)


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
            get: Get = self._transaction.get
            return get

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._transaction.abort()
        finally:
            self._store._gate.release()


def _append(transaction: Any, batches: Sequence[Rows], position: int, version: int) -> int:
    added = 0
    for batch in batches:
        layout = batch.layout
        stored = transaction.get(layout.view_key)
        reached = None if stored is None else _stands(layout, stored)[0]
        if reached is not None and (reached > position or (reached == position and not batch.afresh)):
            continue
        groups = _by_entity(batch)
        if batch.afresh:
            groups = _replaced(transaction, layout, groups, batch.event_time)
        for entity, rows in groups.items():
            key = layout.entity_key(entity)
            record, parts = add_rows(layout, _record(transaction, layout, key), rows, version)
            transaction.put(key, sealed(key, record))
            for tile, part in parts.items():
                _extend(transaction, layout.tile_key(key, tile), part)
            added += len(rows)
        source = _VIEW.pack(position, batch.source.rows, batch.source.mark)
        transaction.put(layout.view_key, sealed(layout.view_key, source + layout.view.name.encode()))
    return added


def _record(transaction: Any, layout: Layout, key: bytes) -> bytes | None:
    value = transaction.get(key)
    if value is None:
        return None
    layout.check(key, value)
    record: bytes = value[: -layout.seal]
    return record


def _extend(transaction: Any, key: bytes, part: bytes) -> None:
    """Add rows to a tile. Its checksum is continued, not taken anew, so that damage to what stood there stays seen."""
    old = transaction.get(key)
    if old is None:
        transaction.put(key, sealed(key, part))
    else:
        crc = zlib.crc32(part, int.from_bytes(old[-4:], "little"))
        transaction.put(key, old[:-4] + part + crc.to_bytes(4, "little"))


def _replaced(
    transaction: Any, layout: Layout, groups: dict[str, list[Row]], seen: npt.NDArray[np.int64]
) -> dict[str, list[Row]]:
    """Delete the entities whose stored rows are not those of `groups`, and return the rows to add for them.

    Rows from before the first one given can no longer be seen; they count for nothing.
    """
    first = int(seen.min()) if seen.size else 2**63 - 1
    wanted = {layout.entity_key(entity): (entity, rows) for entity, rows in groups.items()}
    missing = dict(groups)
    for key in list(_under(transaction, b"e" + layout.identity)):
        record = _record(transaction, layout, key) or b""
        tiles = [layout.tile_key(key, each[0]) for each in layout.header.iter_unpack(record[layout.headers_at :])]
        stored = [row for tile in tiles for row in layout.row.iter_unpack(_record(transaction, layout, tile) or b"")]
        entity, rows = wanted.get(bytes(key), ("", []))
        if rows and _packed(layout, rows, first) == _packed(layout, stored, first):
            missing.pop(entity)
            continue
        for each in (key, *tiles):
            transaction.delete(each)
    return missing


def _packed(layout: Layout, rows: Sequence[Row], first: int) -> list[bytes]:
    return sorted(layout.row.pack(*row) for row in rows if row[0] >= first)


def _by_entity(batch: Rows) -> dict[str, list[Row]]:
    times = zip(batch.event_time.tolist(), batch.known_at.tolist(), batch.values.tolist(), strict=True)
    groups: dict[str, list[Row]] = {}
    for entity, (event, known, values) in zip(batch.entities, times, strict=True):
        groups.setdefault(entity, []).append((event, known, *values))
    return groups


def _expire(transaction: Any, layout: Layout, before: int, version: int) -> int:
    dropped = 0
    records = list(_under(transaction, b"e" + layout.identity))
    for key in records:
        old = transaction.get(key)
        record, gone = drop_tiles(layout, old[: -layout.seal], before, version)
        if gone:
            layout.check(key, old)
            if len(record) > layout.headers_at:
                transaction.put(key, sealed(key, record))
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


def _stands(layout: Layout, value: Any) -> tuple[int, Source]:
    """The position of a view, and what it was fed with."""
    layout.check(layout.view_key, value)
    if layout.format == 1:
        return _POSITION.unpack_from(value)[0], Source()
    position, rows, mark = _VIEW.unpack_from(value)
    return position, Source(rows=rows, mark=mark)


def damaged(folder: Path, what: object) -> CorruptionError:
    """The error that says so, and the way back."""
    hint = "delete this folder, then `kreis run` feeds it anew from the tables"
    return CorruptionError(f"the online store is damaged: {what}", where=str(folder), hint=hint)


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
