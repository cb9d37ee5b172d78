"""Adding rows to an entity's record and tiles. The outcome depends on the rows and their order, not on the batches."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.preparation.online.layout import HEADER_TIMES, RECORD_START, Layout

__all__ = ["Batch", "Row", "add_rows", "drop_tiles"]

Row = tuple[Any, ...]
"""Event time, known at, then the values."""

_INFINITY = float("inf")
_START = struct.Struct("<4q")
"""Version and horizon, then the newest row's event time and known at."""


class Batch:
    """Rows of one view as `add_rows` takes them: numbers as Python's own, and each row's bytes, all made at once."""

    __slots__ = ("_packed", "_size", "events", "knowns", "values")

    def __init__(
        self,
        layout: Layout,
        event_time: npt.NDArray[np.int64],
        known_at: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
    ) -> None:
        """Take n rows: µs since 1970 UTC, shapes (n,), and values, shape (n, columns of the layout).

        Raises:
            ValueError: the values are of another shape.
        """
        rows = np.empty((len(event_time), 2 + layout.columns), dtype="<i8")
        rows[:, 0], rows[:, 1] = event_time, known_at
        if values.shape != (len(rows), layout.columns):
            raise ValueError(f"values of shape {values.shape}, not {(len(rows), layout.columns)}")
        rows[:, 2:].view("<f8")[...] = values
        self._packed, self._size = rows.tobytes(), layout.row.size
        self.events: list[int] = event_time.tolist()
        self.knowns: list[int] = known_at.tolist()
        self.values: list[list[float]] = values.tolist() if layout.windowed else []
        """Empty for a view of latest rows, whose headers hold no totals."""

    def packed(self, place: int) -> bytes:
        """A row's bytes."""
        at = place * self._size
        return self._packed[at : at + self._size]


def add_rows(  # noqa: C901 (the inner loop of feeding)
    layout: Layout, record: bytes | None, batch: Batch, places: Sequence[int], version: int
) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Fold rows, in their order, into an entity's record.

    Args:
        layout: of the view.
        record: as stored, with its checksum; None for an entity without rows.
        batch: rows of the view.
        places: of the entity's rows among them.
        version: of the new record.

    Returns:
        The new record, without checksum, and the bytes to be added to each tile.
    """
    width, windowed, start, size = layout.tile, layout.windowed, layout.headers_at, layout.header.size
    if record is None:
        end, horizon, newest, newest_event, newest_known = start, -(2**63), b"", -(2**63), -(2**63)
    else:
        end, newest = len(record) - layout.seal, record[RECORD_START.size : start]
        _, horizon, newest_event, newest_known = _START.unpack_from(record)
    events, knowns, values, packed = batch.events, batch.knowns, batch.values, batch.packed
    pack: Callable[..., bytes] = layout.header.pack
    unpack: Callable[..., Row] = layout.header.unpack_from
    headers: dict[int, list[Any]] = {}
    parts: dict[int, list[bytes]] = {}
    current = found = None
    for place in places:
        event, known, row = events[place], knowns[place], packed(place)
        tile = event // width
        if tile != current:
            current = tile
            if tile not in headers:
                found = None if record is None else _find(record, start, end, size, tile)
                headers[tile] = _empty(layout, tile) if found is None else list(unpack(record, found))
                parts[tile] = []
            header, part = headers[tile], parts[tile]
        header[1] += 1
        if event < header[2]:
            header[2] = event
        if event > header[3]:
            header[3] = event
        if known > header[4]:
            header[4] = known
        if windowed:
            _fold(header, values[place])
        part.append(row)
        if event > horizon:
            horizon = event
        if known > horizon:
            horizon = known
        if event > newest_event or (event == newest_event and known >= newest_known):
            newest, newest_event, newest_known = row, event, known
    if record is None and len(headers) == 1:
        body = pack(*header)
    elif record is not None and len(headers) == 1 and found == end - size:
        body = record[start:found] + pack(*header)
    elif record is not None and len(headers) == 1 and found is None and _number(record, end - size) < tile:
        body = record[start:end] + pack(*header)
    else:
        body = _merge(layout, b"" if record is None else record[start:end], headers)
    added = [(number, b"".join(rows)) for number, rows in parts.items()]
    return RECORD_START.pack(version, horizon) + newest + body, added


def drop_tiles(layout: Layout, record: bytes, before: int, version: int) -> tuple[bytes, list[int]]:
    """The record (given with its checksum, returned without) less the tiles that end before a moment, and their
    numbers; nothing is returned of a record that has none.
    """
    size, start = layout.header.size, layout.headers_at
    last = before // layout.tile - 1
    end = len(record) - layout.seal
    stop = end - size if layout.reach is None else end  # its newest row never grows too old to be seen
    at, gone = start, []
    while at < stop and (number := _number(record, at)) <= last:
        gone.append(number)
        at += size
    if not gone:
        return b"", gone
    _, horizon = RECORD_START.unpack_from(record)
    return RECORD_START.pack(version, horizon) + record[RECORD_START.size : start] + record[at:end], gone


def _number(record: bytes, at: int) -> int:
    """The number of the tile whose header starts at a place."""
    return int.from_bytes(record[at : at + 8], "little", signed=True)


def _find(record: bytes, start: int, end: int, size: int, tile: int) -> int | None:
    """Where a tile's header starts; from the end, since most rows are new."""
    at = end - size
    while at >= start:
        number = int.from_bytes(record[at : at + 8], "little", signed=True)
        if number <= tile:
            return at if number == tile else None
        at -= size
    return None


def _empty(layout: Layout, tile: int) -> list[Any]:
    times = [tile, 0, 2**63 - 1, -(2**63), -(2**63)]
    return times + [0.0, 0.0, _INFINITY, -_INFINITY, 0.0, 0.0] * (layout.columns if layout.windowed else 0)


def _fold(header: list[Any], values: list[float]) -> None:
    """Add a row's values to the totals of its tile."""
    at = HEADER_TIMES
    for value in values:
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
    pack: Callable[..., bytes] = layout.header.pack
    whole: dict[int, Sequence[Any]] = {each[0]: each for each in layout.header.iter_unpack(body)}
    whole.update(changed)
    return b"".join(pack(*whole[tile]) for tile in sorted(whole))
