"""Reading features at a moment, for the answering path: Python's own lists and floats, no Polars.

A windowed feature of an entity is the totals of the tiles inside the window, plus the part of the tile that
the window cuts through. Records are kept decoded per process and version. A request reads all of them at one
snapshot of the store and in one go; in another one, the tiles that windows cut through and that are not in memory.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TypeAlias
from zlib import crc32

from kreis.errors import CorruptionError, StoreError
from kreis.preparation.online.entities import Entity, Needs, TileRows
from kreis.preparation.online.layout import RESIDUE, Layout
from kreis.preparation.online.reductions import pick_of, reducer_of
from kreis.preparation.online.store import OnlineStore, Read, Value
from kreis.preparation.online.suffixes import EMPTY, Moments, less, merge, totals_of
from kreis.preparation.online.tiles import Row
from kreis.preparation.views import FeatureView

__all__ = ["OnlineFeatures"]

_KEPT = 20_000
"""Entities kept decoded, per view."""
_TAIL = 10
"""Tiles that can lie within a window that ends at the newest: eight whole ones, the one cut, the newest."""
_NAN = math.nan
_NO_KEY = b"n"
"""Nothing has this key: what is read where a request names no entity."""


class OnlineFeatures:
    """The features of some views, in order, from an online store.

    Raises:
        StoreError: a view, as declared here, was never fed to the store.
    """

    def __init__(self, store: OnlineStore, views: Sequence[FeatureView]) -> None:
        self._store = store
        self.feature_names = [name for view in views for name in view.feature_names]
        self._readers: list[tuple[str, _Latest | _Windowed]] = []
        self._missing: Missing = {}
        for view in views:
            layout = Layout(view)
            if store.position(layout) is None:
                layout = Layout(view, format=1)
            if store.position(layout) is None:
                hint = "feed it with OnlineFeed, from the same declaration as the package's"
                raise StoreError(f"the online store holds no rows of the view {view.name!r} as declared", hint=hint)
            self._readers.append((view.entity, (_Windowed if layout.windowed else _Latest)(layout, self._missing)))

    def vector(self, keys: Mapping[str, str], at_us: int) -> list[float]:
        """The features at a moment, in order of the views' feature names; missing is NaN.

        Args:
            keys: entity to key; an entity without a key has no rows.
            at_us: the moment, in µs since 1970 UTC.

        Raises:
            StoreError: the store cannot be read.
        """
        readers = self._readers
        if self._missing:  # of a request that failed
            self._missing.clear()
        if len(readers) == 1:  # without lists: they would cost a tenth of the whole
            entity, reader = readers[0]
            name = keys.get(entity)
            key = _NO_KEY if name is None else reader.key(name)
            with self._store.snapshot() as read:
                (record,) = read((key,))
                only = reader.nothing if record is None else reader.read(key, record, at_us)
                return self._complete(read, ((keys, at_us),), (key,), (record,))[0] if self._missing else [*only]
        asked: list[bytes] = []
        vector: list[float] = []
        for entity, reader in readers:
            name = keys.get(entity)
            asked.append(_NO_KEY if name is None else reader.key(name))
        with self._store.snapshot() as read:
            records = [*read(asked)]
            for (_, reader), key, record in zip(readers, asked, records):  # noqa: B905 (of one length)
                if record is None:
                    vector += reader.nothing
                else:
                    vector += reader.read(key, record, at_us)
            return self._complete(read, ((keys, at_us),), asked, records)[0] if self._missing else vector

    def vectors(self, requests: Sequence[tuple[Mapping[str, str], int]]) -> list[list[float]]:
        """Several vectors at one snapshot.

        Args:
            requests: for each, entity to key and the moment, in µs since 1970 UTC.

        Raises:
            StoreError: the store cannot be read.
        """
        if len(requests) == 1:
            return [self.vector(*requests[0])]
        self._missing.clear()
        with self._store.snapshot() as read:
            asked = [
                _NO_KEY if (name := names.get(entity)) is None else reader.key(name)
                for names, _ in requests
                for entity, reader in self._readers
            ]
            records = list(read(asked))
            vectors = self._vectors(requests, asked, records)
            return self._complete(read, requests, asked, records) if self._missing else vectors

    def _complete(
        self,
        read: Read,
        requests: Sequence[tuple[Mapping[str, str], int]],
        asked: Sequence[bytes],
        records: Sequence[Value | None],
    ) -> list[list[float]]:
        """The vectors, with the missing tiles read first; in one go, but where a subtraction would lose digits (see
        `_less`), in two.
        """
        vectors: list[list[float]] = []
        brought: Missing = {}
        while self._missing:
            missing = self._missing.copy()
            self._missing.clear()
            for tile, value in zip(missing.values(), read(list(missing)), strict=True):
                tile.keep(value)
            brought |= missing
            vectors = self._vectors(requests, asked, records)
        for tile in brought.values():
            tile.forget_others()
        return vectors

    def _vectors(
        self,
        requests: Sequence[tuple[Mapping[str, str], int]],
        asked: Sequence[bytes],
        records: Sequence[Value | None],
    ) -> list[list[float]]:
        """The vectors, as far as memory goes; the tiles that they lack are put into `_missing`."""
        vectors, place = [], 0
        for _, at in requests:
            vector: list[float] = []
            for _, reader in self._readers:
                record = records[place]
                if record is None:
                    vector += reader.nothing
                else:
                    vector += reader.read(asked[place], record, at)
                place += 1
            vectors.append(vector)
        return vectors


class _MissingTile:
    """A tile that is needed and not in memory."""

    __slots__ = ("_entity", "_kept", "_place")

    def __init__(self, kept: _Kept, entity: Entity, place: int) -> None:
        self._kept, self._entity, self._place = kept, entity, place

    def keep(self, value: Value | None) -> None:
        """Hold it in memory, as the store has it."""
        self._entity.keep(self._place, value, self._kept.layout, self._kept.needs)

    def forget_others(self) -> None:
        """Hold no more of its entity's tiles than the next request will need."""
        self._entity.forget(2 * len(self._kept.layout.plan.windows) + 2)


Missing: TypeAlias = dict[bytes, _MissingTile]
"""By the key of the tile."""


class _Kept:
    """Decoded records by key, checked against the version that the store holds."""

    def __init__(self, layout: Layout, needs: Needs, missing: Missing) -> None:
        self.layout = layout
        self.needs = needs
        self._missing = missing
        self._entities: dict[bytes, Entity] = {}
        self._looked_back: set[bytes] = set()
        """Entities that were asked about a moment before their newest row: decoded with all their headers."""

    def find(self, key: bytes, record: Value) -> Entity:
        """An entity's record, decoded."""
        kept = self._entities.get(key)
        if kept is not None and kept.version == record[:8]:
            return kept
        tail = 0 if key in self._looked_back else _TAIL
        entity = Entity(self.layout, self.needs, key, record, tail, kept)
        if kept is None and len(self._entities) >= _KEPT:
            oldest = next(iter(self._entities))
            self._entities.pop(oldest, None)
            self._looked_back.discard(oldest)
        self._entities[key] = entity
        return entity

    def all_of(self, key: bytes, record: Value, entity: Entity) -> Entity:
        """The entity with all its headers, for a moment that lies before what the store knows."""
        if entity.whole:
            return entity
        whole = Entity(self.layout, self.needs, key, record, 0, entity)
        self._looked_back.add(key)
        self._entities[key] = whole
        return whole

    def has(self, entity: Entity, places: Collection[int]) -> bool:
        """Whether the tiles at some places are in memory; those that are not are put down as missing."""
        absent = [place for place in places if entity.tile(place) is None]
        for place in absent:
            self._missing[entity.tile_key(place, self.layout)] = _MissingTile(self, entity, place)
        return not absent

    def between(self, entity: Entity, low: int | None, at: int) -> Iterator[tuple[int, bool]]:
        """The places of the tiles with rows in (low, at], newest first, and whether all their rows are seen."""
        width = self.layout.tile
        for place in range(entity.after(at // width) - 1, -1, -1):
            number, _, earliest, latest, known = entity.headers[place][:5]
            if low is not None and number < low // width:
                return
            yield place, (low is None or earliest > low) and latest <= at and known <= at


class _Latest:
    """Reads the latest row of an entity; usually the newest that the store holds, straight from its record."""

    def __init__(self, layout: Layout, missing: Missing) -> None:
        self._kept = _Kept(layout, [], missing)
        self.key = layout.entity_key
        self._layout = layout
        self._ttl = layout.plan.ttl
        places = [2 + place for place in layout.plan.features.values() if isinstance(place, int)]
        self._head = struct.Struct(f"<4q{layout.columns}d")
        self._unpack = self._head.unpack_from
        self._pick: Callable[[Row], Sequence[float]] = (
            itemgetter(*(2 + place for place in places)) if len(places) > 1 else lambda head: [head[2 + places[0]]]
        )
        """From a record's head to the features."""
        self.nothing: list[float] = [_NAN] * len(places)

    def read(self, key: bytes, record: Value, at: int) -> Sequence[float]:
        if crc32(record, crc32(key)) != RESIDUE:
            self._layout.check(key, record)
            if len(record) < self._head.size:  # of format 1
                raise CorruptionError("a record is too short for its view", where=f"online store, {key!r}")
        head = self._unpack(record)
        if head[1] > at:
            row = self._before(key, record, head[2:], at)
            if row is None:
                return self.nothing
            head = (0, 0, *row)
        if self._ttl is not None and head[2] <= at - self._ttl:
            return self.nothing
        return self._pick(head)

    def _before(self, key: bytes, record: Value, newest: Row, at: int) -> Row | None:
        """The latest row seen at a moment that lies before what the store knows."""
        if newest[0] <= at and newest[1] <= at:
            return newest
        low = None if self._ttl is None else at - self._ttl
        kept = self._kept
        entity = kept.all_of(key, record, kept.find(key, record))
        needed = []
        for place, whole in kept.between(entity, low, at):
            needed.append(place)
            if whole:
                break
        if not kept.has(entity, needed):
            return None
        for place in needed:
            tile = entity.tile(place)
            found = [] if tile is None else _seen(tile, low, at)
            if found:
                return found[-1]
        return None


_SUMS = frozenset(("len", "count", "sum", "mean"))
"""What can be had by subtraction."""


class _Windowed:
    """Reads aggregations over windows of an entity."""

    def __init__(self, layout: Layout, missing: Missing) -> None:
        plan = layout.plan
        operations: dict[int, set[str]] = {}
        for each in plan.reductions:
            if each.row is not None:
                operations.setdefault(each.row, set()).add(each.operation)
        self._needs: Needs = [
            (column, bool({"min", "max"} & asked), "std" in asked)
            for column, asked in operations.items()
            if asked != {"last"}
        ]
        self._kept = _Kept(layout, self._needs, missing)
        self._windows = plan.windows
        self._reductions = [reducer_of(each) for each in plan.reductions]
        self._sums_only = all(each.operation in _SUMS for each in plan.reductions)
        self._wants_last = any(each.operation == "last" for each in plan.reductions)
        self._pick = pick_of(layout)
        self.key = layout.entity_key
        none = self._reduce_all(0, {column: EMPTY for column, _, _ in self._needs}, None)
        self.nothing = self._pick([none] * len(plan.windows))

    def read(self, key: bytes, record: Value, at: int) -> list[float]:
        entity = self._kept.find(key, record)
        if entity.asked != at:
            if entity.horizon > at:
                entity = self._kept.all_of(key, record, entity)
            reduced = self._reduced(entity, at)
            if reduced is None:
                return self.nothing
            entity.answer = self._pick(reduced)
            entity.asked = at
        return entity.answer

    def _reduced(self, entity: Entity, at: int) -> Sequence[Sequence[float]] | None:
        """The reductions at a moment, window by window; None while a tile is missing."""
        past = entity.horizon > at
        if past and not self._sums_only:
            return self._all_exactly(entity, at)
        hiding = self._hiding(entity, at) if past else []
        cuts = self._cuts(entity, at, hiding)
        if cuts is None:
            return None
        if not past:
            return [self._reduce_all(*self._since(entity, cut)) for cut in cuts]
        unseen = [row for place in hiding if (tile := entity.tile(place)) is not None for row in tile.unseen(at)]
        found = [self._less(entity, cut, unseen) for cut in cuts]
        return self._all_exactly(entity, at) if None in found else found  # type: ignore[return-value]

    def _cuts(self, entity: Entity, at: int, besides: Sequence[int]) -> list[_Cut] | None:
        """Where each window begins; None while one of the tiles cut, or of those needed besides, is missing."""
        tiles, headers, tile_width = entity.tiles, entity.headers, self._kept.layout.tile
        cuts: list[_Cut] = []
        needed, absent = [*besides], bool(besides)
        for width in self._windows:
            low = at - width
            number = low // tile_width
            place = bisect_right(tiles, number)
            cut = None
            if place and tiles[place - 1] == number and headers[place - 1][3] > low:
                cut = entity.tile(place - 1)
                absent = absent or cut is None
                needed.append(place - 1)
            cuts.append((low, len(tiles) - place, cut))
        return cuts if not absent or self._kept.has(entity, needed) else None

    def _reduce_all(self, rows: int, totals: Mapping[int, Moments], newest: Row | None) -> list[float]:
        return [reduce(rows, totals, newest) for reduce in self._reductions]

    def _hiding(self, entity: Entity, at: int) -> list[int]:
        """The places of tiles with rows that a moment before the store's newest cannot see."""
        headers = entity.headers
        places = range(entity.first_unseen(at), len(headers))
        return [place for place in places if headers[place][3] > at or headers[place][4] > at]

    def _less(self, entity: Entity, cut: _Cut, unseen: list[Row]) -> list[float] | None:
        """The reductions over all rows after a moment but the unseen ones, by subtraction.

        None where that would lose digits: of an infinity, and in a store of format 1, whose sums are rounded, where
        what remains is a millionth of what was there, or less.
        """
        rows, totals, newest = self._since(entity, cut)
        hidden = [row for row in unseen if row[0] > cut[0]]
        rounded = self._kept.layout.format == 1
        for column, total in totals.items():
            values = [value for row in hidden if (value := row[2 + column]) == value]
            left = totals[column] = less(total, values)
            if not math.isfinite(left[1]) or (rounded and abs(left[1]) * 1e6 < sum(map(abs, values))):
                return None
        return self._reduce_all(rows - len(hidden), totals, newest)

    def _since(self, entity: Entity, cut: _Cut) -> tuple[int, dict[int, Moments], Row | None]:
        """How many rows have an event time after a moment, their totals by column, and the newest."""
        low, k, tile = cut
        rows = entity.rows[k]
        if tile is None:
            totals = {column: suffixes.last(k) for column, suffixes in entity.suffixes.items()}
        else:
            j = len(tile.rows) - bisect_right(tile.events, low)
            rows += j
            of_tile = tile.suffixes
            if self._sums_only:
                totals = {
                    column: suffixes.sums_with(k, of_tile[column], j) for column, suffixes in entity.suffixes.items()
                }
            else:
                totals = {
                    column: merge(suffixes.last(k), of_tile[column].last(j))
                    for column, suffixes in entity.suffixes.items()
                }
        newest = entity.newest if entity.newest[0] > low else None
        return rows, totals, newest

    def _all_exactly(self, entity: Entity, at: int) -> list[list[float]] | None:
        """The reductions at a moment before the newest, window by window, summed tile by tile; None while one is
        missing.
        """
        spans = [list(self._kept.between(entity, at - width, at)) for width in self._windows]
        needed = {place for span in spans for place, whole in span if not whole}
        if self._wants_last:
            needed.update(place for span in spans for place, whole in span if whole)
        if not self._kept.has(entity, needed):
            return None
        parts: dict[int, _Part] = {}
        return [
            self._exactly(entity, at - width, at, span, parts) for width, span in zip(self._windows, spans, strict=True)
        ]

    def _exactly(
        self, entity: Entity, low: int, at: int, span: list[tuple[int, bool]], parts: dict[int, _Part]
    ) -> list[float]:
        """The reductions over the rows of some tiles, newest first, that are seen at a moment before the newest.

        `parts` keeps what was summed of tiles that lie wholly after `low`, for the windows that follow.
        """
        count, newest = 0, None
        totals = [EMPTY for _ in self._needs]
        for place, whole in span:
            inside = entity.headers[place][2] > low
            part = parts.get(place) if inside else None
            if part is None:
                part = self._whole_tile(entity, place) if whole else self._part(entity.tile(place), low, at)
                if inside:
                    parts[place] = part
            seen, moments, last = part
            count += seen
            totals = [merge(total, each) for total, each in zip(totals, moments, strict=True)]
            if newest is None:
                newest = last
        by_column = {need[0]: total for need, total in zip(self._needs, totals, strict=True)}
        return self._reduce_all(count, by_column, newest)

    def _part(self, tile: TileRows | None, low: int, at: int) -> _Part:
        rows = [] if tile is None else _seen(tile, low, at)
        moments = [totals_of([row[2 + need[0]] for row in rows], need[1] or need[2]) for need in self._needs]
        return len(rows), moments, rows[-1] if rows else None

    def _whole_tile(self, entity: Entity, place: int) -> _Part:
        moments = [entity.moments(place, column) for column, _, _ in self._needs]
        tile = entity.tile(place) if self._wants_last else None
        return entity.headers[place][1], moments, None if tile is None else tile.rows[-1]


_Cut: TypeAlias = tuple[int, int, TileRows | None]
"""Where a window begins: the moment, how many tiles lie wholly after it, and the tile that it cuts through."""
_Part: TypeAlias = tuple[int, list[Moments], Row | None]
"""Of a tile: how many rows are seen, their totals, and the newest of them."""


def _seen(tile: TileRows, low: int | None, at: int) -> list[Row]:
    """A tile's rows in (low, at] that are known at `at`."""
    first = 0 if low is None else bisect_right(tile.events, low)
    return [row for row in tile.rows[first : bisect_right(tile.events, at)] if row[1] <= at]
