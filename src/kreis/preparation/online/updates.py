"""What a batch makes of an online store's bytes: the same in every store, inside the transaction that it brings."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar
from zlib import crc32

from kreis.preparation.online.layout import RESIDUE, Layout, sealed
from kreis.preparation.online.store import Rows, Source, Value
from kreis.preparation.online.tiles import Batch, add_rows, drop_tiles

__all__ = ["Transaction", "append", "clear", "expire", "reading_of"]

T = TypeVar("T")
_TOGETHER = 1000
"""Entities whose records are read at once."""
_VIEW = struct.Struct("<q2Q")
"""Position, digest of the rows, mark of the table; the name follows."""
_POSITION = struct.Struct("<q")


class Transaction(Protocol):
    """Reads see what was put and deleted before; others see nothing until it ends well, and then all of it."""

    def read(self, keys: Sequence[bytes], /) -> Sequence[bytes | None]:
        """The values of some keys, in their order; None for a key that is not there."""
        ...

    def put(self, key: bytes, value: bytes, /) -> object:
        """Write a value."""
        ...

    def delete(self, key: bytes, /) -> object:
        """Forget a key."""
        ...

    def under(self, prefix: bytes, /) -> Iterable[bytes]:
        """The keys that start with a prefix."""
        ...


def append(transaction: Transaction, batches: Sequence[Rows], position: int, version: int) -> int:
    """Do `OnlineStore.append`.

    Args:
        transaction: of the store.
        batches: rows by view.
        position: the moment (µs) up to which the rows are known.
        version: of the records that it writes; never one that a record at the same key has had.

    Returns:
        How many rows were added.
    """
    added = 0
    for batch in batches:
        layout = batch.layout
        (stored,) = transaction.read([layout.view_key])
        reached = None if stored is None else reading_of(layout, stored)[0]
        if reached is not None and (reached > position or (reached == position and not batch.afresh)):
            continue
        groups: dict[str, list[int]] = {}
        for place, entity in enumerate(batch.entities):
            groups.setdefault(entity, []).append(place)
        rows = Batch(layout, batch.event_time, batch.known_at, batch.values)
        if batch.afresh:
            groups = _replaced(transaction, layout, groups, rows)
        _add(transaction, layout, groups, rows, version)
        added += sum(map(len, groups.values()))
        source = _VIEW.pack(position, batch.source.rows, batch.source.mark)
        transaction.put(layout.view_key, sealed(layout.view_key, source + layout.view.name.encode()))
    return added


def _add(transaction: Transaction, layout: Layout, groups: dict[str, list[int]], rows: Batch, version: int) -> None:
    put, seal, entity_key, tile_key = transaction.put, layout.seal, layout.entity_key, layout.tile_key
    for some in _chunks(groups.items()):
        keys = [entity_key(entity) for entity, _ in some]
        tiles: list[bytes] = []
        parts: list[bytes] = []
        for key, (_, places), record in zip(keys, some, transaction.read(keys), strict=True):
            begun = crc32(key)
            if record is not None and crc32(record, begun) != RESIDUE:
                layout.check(key, record)
            new, added = add_rows(layout, record, rows, places, version)
            put(key, new + crc32(new, begun).to_bytes(seal, "little"))
            for tile, part in added:
                tiles.append(tile_key(key, tile))
                parts.append(part)
        for key, part, old in zip(tiles, parts, transaction.read(tiles), strict=True):
            if old is None:
                put(key, sealed(key, part))
            else:  # continued, not taken anew, so that damage to what stood there stays seen
                crc = crc32(part, int.from_bytes(old[-seal:], "little"))
                put(key, b"".join((old[:-seal], part, crc.to_bytes(seal, "little"))))


def _replaced(
    transaction: Transaction, layout: Layout, groups: dict[str, list[int]], rows: Batch
) -> dict[str, list[int]]:
    """Delete the entities whose stored rows are not those of `groups`, and return the rows to add for them.

    Rows from before the first one given can no longer be seen; they count for nothing.
    """
    first = min(rows.events, default=2**63 - 1)
    wanted = {layout.entity_key(entity): (entity, places) for entity, places in groups.items()}
    missing = dict(groups)
    for keys in _chunks(list(transaction.under(b"e" + layout.identity))):
        for key, tiles, values in _with_tiles(transaction, layout, keys):
            stored = [row for value in values for row in _packed_rows(layout, value, first)]
            entity, places = wanted.get(bytes(key), ("", []))
            if places and sorted(rows.packed(place) for place in places) == sorted(stored):
                missing.pop(entity)
                continue
            for each in (key, *tiles):
                transaction.delete(each)
    return missing


def _with_tiles(
    transaction: Transaction, layout: Layout, keys: Sequence[bytes]
) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Each entity's key, the keys of its tiles, and what these hold; all read at once."""
    tiles: list[list[bytes]] = []
    for key, record in zip(keys, transaction.read(keys), strict=True):
        layout.check(key, record or b"")
        headers = layout.header.iter_unpack((record or b"")[layout.headers_at : -layout.seal])
        tiles.append([layout.tile_key(key, header[0]) for header in headers])
    values = iter(transaction.read([key for each in tiles for key in each]))
    for key, each in zip(keys, tiles, strict=True):
        found = [value or b"" for value in islice(values, len(each))]
        for tile, value in zip(each, found, strict=True):
            layout.check(tile, value)
        yield key, each, found


def _packed_rows(layout: Layout, tile: bytes, first: int) -> Iterator[bytes]:
    """A tile's rows from an event time on."""
    size = layout.row.size
    for at in range(0, len(tile) - layout.seal, size):
        if int.from_bytes(tile[at : at + 8], "little", signed=True) >= first:
            yield tile[at : at + size]


def expire(transaction: Transaction, layout: Layout, before: int, version: int) -> int:
    """Do `OnlineStore.expire`; returns how many tiles were dropped."""
    dropped = 0
    for keys in _chunks(list(transaction.under(b"e" + layout.identity))):
        for key, old in zip(keys, transaction.read(keys), strict=True):
            record, gone = drop_tiles(layout, old or b"", before, version)
            if not gone:
                continue
            layout.check(key, old or b"")
            if len(record) > layout.headers_at:
                transaction.put(key, sealed(key, record))
            else:
                transaction.delete(key)
            for tile in gone:
                transaction.delete(layout.tile_key(key, tile))
            dropped += len(gone)
    return dropped


def clear(transaction: Transaction, layout: Layout) -> None:
    """Do `OnlineStore.clear`."""
    for kind in (b"v", b"e", b"t"):
        for key in list(transaction.under(kind + layout.identity)):
            transaction.delete(key)


def reading_of(layout: Layout, value: Value) -> tuple[int, Source]:
    """The position of a view, and what it was fed with, from the value of its key.

    Raises:
        CorruptionError: it is not what was written.
    """
    layout.check(layout.view_key, value)
    if layout.format == 1:
        return _POSITION.unpack_from(value)[0], Source()
    position, rows, mark = _VIEW.unpack_from(value)
    return position, Source(rows=rows, mark=mark)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _TOGETHER)):
        yield some
