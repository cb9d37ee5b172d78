"""Adding rows to an entity's record and tiles. The outcome depends on the rows and their order, not on the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kreis.preparation.online.layout import HEADER_TIMES, RECORD_START, Layout

__all__ = ["Row", "add_rows", "drop_tiles"]

Row = tuple[Any, ...]
"""Event time, known at, then the values."""

_INFINITY = float("inf")


def add_rows(layout: Layout, record: bytes | None, rows: Iterable[Row], version: int) -> tuple[bytes, dict[int, bytes]]:
    """Fold rows, in their order, into an entity's record.

    Returns:
        The new record, and the bytes to be added to each tile.
    """
    row_struct, header_struct, start = layout.row, layout.header, layout.headers_at
    headers: dict[int, list[Any]] = {}
    parts: dict[int, bytearray] = {}
    pack, width = row_struct.pack, layout.tile
    newest, horizon = _start(layout, record)
    for row in rows:
        event, known = row[0], row[1]
        tile = event // width
        header = headers.get(tile)
        if header is None:
            found = None if record is None else _find(layout, record, tile)
            header = _empty(layout, tile) if found is None else list(header_struct.unpack_from(record or b"", found))
            headers[tile], parts[tile] = header, bytearray()
        _fold(header, row, layout.windowed)
        parts[tile] += pack(*row)
        if event > horizon or known > horizon:
            horizon = max(event, known)
        if newest is None or (event, known) >= newest[:2]:
            newest = row
    head = RECORD_START.pack(version, horizon) + row_struct.pack(*(newest or ()))
    body = _merge(layout, b"" if record is None else record[start:], headers)
    return head + body, {tile: bytes(part) for tile, part in parts.items()}


def drop_tiles(layout: Layout, record: bytes, before: int, version: int) -> tuple[bytes, list[int]]:
    """The record without the tiles that end before a moment, and their numbers."""
    size, at = layout.header.size, layout.headers_at
    last = before // layout.tile - 1
    end = len(record)
    if layout.reach is None:  # its newest row never grows too old to be seen
        end -= size
    gone = []
    while at < end and (number := int.from_bytes(record[at : at + 8], "little", signed=True)) <= last:
        gone.append(number)
        at += size
    if not gone:
        return record, gone
    _, horizon = RECORD_START.unpack_from(record)
    head = RECORD_START.pack(version, horizon) + record[RECORD_START.size : layout.headers_at]
    return head + record[at:], gone


def _start(layout: Layout, record: bytes | None) -> tuple[Row | None, int]:
    if record is None:
        return None, -(2**63)
    return layout.row.unpack_from(record, RECORD_START.size), RECORD_START.unpack_from(record)[1]


def _find(layout: Layout, record: bytes, tile: int) -> int | None:
    """Where a tile's header starts; from the end, since most rows are new."""
    size = layout.header.size
    for at in range(len(record) - size, layout.headers_at - 1, -size):
        number = int.from_bytes(record[at : at + 8], "little", signed=True)
        if number == tile:
            return at
        if number < tile:
            return None
    return None


def _empty(layout: Layout, tile: int) -> list[Any]:
    times = [tile, 0, 2**63 - 1, -(2**63), -(2**63)]
    return times + [0.0, 0.0, _INFINITY, -_INFINITY, 0.0, 0.0] * (layout.columns if layout.windowed else 0)


def _fold(header: list[Any], row: Row, windowed: bool) -> None:  # noqa: C901 (the inner loop of feeding)
    event, known = row[0], row[1]
    header[1] += 1
    if event < header[2]:
        header[2] = event
    if event > header[3]:
        header[3] = event
    if known > header[4]:
        header[4] = known
    if not windowed:
        return
    at = HEADER_TIMES
    for value in row[2:]:
        if value == value:  # not NaN, which is missing
            count, total = header[at], header[at + 1]
            added = total + value
            part = added - total
            lost = (total - (added - part)) + (value - part)  # TwoSum (Knuth 1997, section 4.2.2, theorem B): exact
            header[at] = count + 1.0
            header[at + 1] = added
            if value < header[at + 2]:
                header[at + 2] = value
            if value > header[at + 3]:
                header[at + 3] = value
            if count:  # Youngs and Cramer (1971), eq. 2.1, on the mean so far
                apart = value - total / count
                header[at + 4] += apart * apart * count / (count + 1.0)
            if lost == lost:  # not of an infinity
                header[at + 5] += lost
        at += 6


def _merge(layout: Layout, body: bytes, changed: dict[int, list[Any]]) -> bytes:
    """The headers with the changed ones in their places, by tile number."""
    size, pack = layout.header.size, layout.header.pack
    if len(changed) == 1:  # the usual case, without taking the others apart: the last tile, or a new one behind it
        ((tile, header),) = changed.items()
        last = int.from_bytes(body[-size : len(body) - size + 8], "little", signed=True) if body else None
        if last is None or last < tile:
            return body + pack(*header)
        if last == tile:
            return body[:-size] + pack(*header)
    unpack: Callable[..., Any] = layout.header.iter_unpack
    whole = {each[0]: each for each in unpack(body)}
    whole.update(changed)
    return b"".join(pack(*whole[tile]) for tile in sorted(whole))
