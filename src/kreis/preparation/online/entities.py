"""One entity's record and tiles as a reader holds them in memory."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from operator import itemgetter
from typing import Any

from kreis.errors import CorruptionError
from kreis.preparation.online.layout import HEADER_TIMES, RECORD_START, Layout
from kreis.preparation.online.store import Value
from kreis.preparation.online.suffixes import Moments, Suffixes
from kreis.preparation.online.tiles import Row

__all__ = ["Entity", "Needs", "TileRows"]

_BY_TIME = itemgetter(0, 1)
Needs = list[tuple[int, bool, bool]]
"""Per row expression that is summed: its place, whether extremes and whether squares are asked for."""


class TileRows:
    """The rows of a tile, by event time, known at and arrival, with totals from the newest backwards."""

    __slots__ = ("_seen_from", "_waiting", "events", "rows", "suffixes")

    def __init__(self, layout: Layout, needs: Needs, value: Any) -> None:
        self.rows: list[Row] = sorted(layout.row.iter_unpack(value), key=_BY_TIME)
        self.events: list[int] = [row[0] for row in self.rows]
        self.suffixes: dict[int, Suffixes] = {}
        backwards = list(zip(*self.rows[::-1], strict=True))
        for column, extremes, squares in needs:
            self.suffixes[column] = Suffixes.of_values(backwards[2 + column], extremes=extremes, squares=squares)
        self._waiting: list[Row] | None = None
        self._seen_from: list[int] = []

    def unseen(self, at: int) -> list[Row]:
        """The rows that happen or become known after a moment."""
        if self._waiting is None:
            self._waiting = sorted(self.rows, key=_seen_from)
            self._seen_from = [_seen_from(row) for row in self._waiting]
        return self._waiting[bisect_right(self._seen_from, at) :]


def _seen_from(row: Row) -> int:
    event, known = row[0], row[1]
    return int(event if event > known else known)


class Entity:
    """An entity's record at one version; its tiles' rows are read when a window cuts through them.

    Holds the headers of the newest `tail` tiles in order of time, or of all of them. `answer` is what was read of it
    at the moment `asked`: what is asked of an airport at one moment is asked for each of its flights.
    """

    __slots__ = (
        "_decoded",
        "_key",
        "_per_column",
        "_seen_by",
        "answer",
        "asked",
        "headers",
        "horizon",
        "newest",
        "rows",
        "suffixes",
        "tiles",
        "version",
        "whole",
    )

    def __init__(self, layout: Layout, needs: Needs, key: bytes, record: Any, tail: int, old: Entity | None) -> None:
        layout.check(key, record)
        size, start, end = layout.header.size, layout.headers_at, len(record) - layout.seal
        if end <= start or (end - start) % size:
            raise CorruptionError("a record's length does not fit its view", where=f"online store, {key!r}")
        self._key = key
        self.version = bytes(record[:8])
        self.horizon: int = RECORD_START.unpack_from(record)[1]
        self.newest: Row = layout.row.unpack_from(record, RECORD_START.size)
        first = max(start, end - tail * size) if tail else start
        self.whole = first == start
        self.headers = list(layout.header.iter_unpack(record[first:end]))
        self._per_column = layout.per_column
        self.tiles = [header[0] for header in self.headers]
        backwards = list(zip(*self.headers[::-1], strict=True))
        self.rows = list(accumulate(backwards[1], initial=0))
        self.suffixes: dict[int, Suffixes] = {}
        for column, extremes, squares in needs:
            at = HEADER_TIMES + self._per_column * column
            totals = backwards[at : at + self._per_column]
            if self._per_column != 6:
                totals = [*totals, (0.0,) * len(self.headers)]
            self.suffixes[column] = Suffixes(totals, extremes=extremes, squares=squares)
        self._decoded: dict[int, tuple[int, TileRows]] = old._decoded if old is not None else {}
        self._seen_by: list[int] = []
        self.asked: int | None = None
        self.answer: list[float] = []

    def moments(self, place: int, column: int) -> Moments:
        """The totals of a row expression over the tile at a place."""
        at = HEADER_TIMES + self._per_column * column
        moments = self.headers[place][at : at + self._per_column]
        return moments if self._per_column == 6 else (*moments, 0.0)

    def first_unseen(self, at: int) -> int:
        """The place before which all tiles are seen whole at a moment."""
        if not self._seen_by:
            self._seen_by = list(accumulate((max(header[3], header[4]) for header in self.headers), max))
        return bisect_right(self._seen_by, at)

    def after(self, number: int) -> int:
        """The place of the first tile behind tile `number`."""
        return bisect_right(self.tiles, number)

    def tile(self, place: int) -> TileRows | None:
        """The rows of the tile at a place; None where they are not in memory (see `keep`)."""
        number, count = self.headers[place][:2]
        known = self._decoded.get(number)
        return known[1] if known is not None and known[0] == count else None

    def tile_key(self, place: int, layout: Layout) -> bytes:
        """The key of the tile at a place."""
        return layout.tile_key(self._key, self.headers[place][0])

    def keep(self, place: int, value: Value | None, layout: Layout, needs: Needs) -> None:
        """Hold a tile's rows in memory; a tile only changes by growing.

        Args:
            place: of the tile.
            value: what the store holds of it.
            layout: of the view.
            needs: what is asked of its rows.

        Raises:
            CorruptionError: the value is damaged, or does not fit the tile's header.
        """
        number, count = self.headers[place][:2]
        if value is None or len(value) != count * layout.row.size + layout.seal:
            raise CorruptionError(f"tile {number} does not fit its header", where=f"online store, {self._key!r}")
        layout.check(layout.tile_key(self._key, number), value)
        self._decoded.pop(number, None)
        self._decoded[number] = (count, TileRows(layout, needs, value[: count * layout.row.size]))

    def forget(self, but: int) -> None:
        """Hold the rows of so many tiles at most: of those that were read last."""
        for number in list(self._decoded)[:-but]:
            del self._decoded[number]
