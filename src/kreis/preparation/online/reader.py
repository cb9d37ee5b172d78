"""Reading features at a moment, for the answering path: Python's own lists and floats, no Polars.

A windowed feature of an entity is the totals of the tiles inside the window, plus the part of the tile that
the window cuts through. Records are kept decoded per process and version; a request reads all of them at one
snapshot of the store.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from zlib import crc32

from kreis.errors import CorruptionError, StoreError
from kreis.expressions.rows import compile_row
from kreis.expressions.windows import WindowAggregate
from kreis.preparation.online.entities import Entity, Needs, TileRows
from kreis.preparation.online.layout import RESIDUE, Layout
from kreis.preparation.online.store import Get, OnlineStore
from kreis.preparation.online.suffixes import EMPTY, Moments, less, merge, totals_of
from kreis.preparation.online.tiles import Row
from kreis.preparation.point_in_time_plan import Combination
from kreis.preparation.views import FeatureView

__all__ = ["OnlineFeatures"]

_KEPT = 20_000
"""Entities kept decoded, per view."""
_TAIL = 10
"""Tiles that can lie within a window that ends at the newest: eight whole ones, the one cut, the newest."""
_NAN = math.nan


class OnlineFeatures:
    """The features of some views, in order, from an online store.

    Raises:
        StoreError: a view, as declared here, was never fed to the store.
    """

    def __init__(self, store: OnlineStore, views: Sequence[FeatureView]) -> None:
        self._store = store
        self.feature_names = [name for view in views for name in view.feature_names]
        self._readers: list[tuple[str, _Latest | _Windowed]] = []
        for view in views:
            layout = Layout(view)
            if store.position(layout) is None:
                layout = Layout(view, format=1)
            if store.position(layout) is None:
                hint = "feed it with OnlineFeed, from the same declaration as the package's"
                raise StoreError(f"the online store holds no rows of the view {view.name!r} as declared", hint=hint)
            self._readers.append((view.entity, _Windowed(layout) if layout.windowed else _Latest(layout)))

    def vector(self, keys: Mapping[str, str], at_us: int) -> list[float]:
        """The features at a moment, in order of the views' feature names; missing is NaN.

        Args:
            keys: entity to key; an entity without a key has no rows.
            at_us: the moment, in µs since 1970 UTC.

        Raises:
            StoreError: the store cannot be read.
        """
        vector: list[float] = []
        with self._store.snapshot() as get:
            for entity, reader in self._readers:
                vector += reader.read(get, keys.get(entity), at_us)
        return vector

    def vectors(self, requests: Sequence[tuple[Mapping[str, str], int]]) -> list[list[float]]:
        """Several vectors at one snapshot."""
        vectors: list[list[float]] = []
        readers = self._readers
        with self._store.snapshot() as get:
            for keys, at in requests:
                vector: list[float] = []
                for entity, reader in readers:
                    vector += reader.read(get, keys.get(entity), at)
                vectors.append(vector)
        return vectors


class _Kept:
    """Decoded records by key, checked against the version that the store holds."""

    def __init__(self, layout: Layout, needs: Needs) -> None:
        self.layout = layout
        self.needs = needs
        self._entities: dict[str, Entity] = {}
        self._looked_back: set[str] = set()
        """Entities that were asked about a moment before their newest row: decoded with all their headers."""
        self._start = b"e" + layout.identity

    def key(self, name: str) -> bytes:
        """The key of an entity's record."""
        return self._start + name.encode() if len(name) <= 100 else self.layout.entity_key(name)

    def find(self, get: Get, name: str) -> Entity | None:
        """An entity's record, or None if it has no rows."""
        key = self.key(name)
        record = get(key)
        if record is None:
            return None
        kept = self._entities.get(name)
        if kept is not None and kept.version == record[:8]:
            return kept
        tail = 0 if name in self._looked_back else _TAIL
        entity = Entity(self.layout, self.needs, key, record, tail, kept)
        if kept is None and len(self._entities) >= _KEPT:
            oldest = next(iter(self._entities))
            self._entities.pop(oldest, None)
            self._looked_back.discard(oldest)
        self._entities[name] = entity
        return entity

    def all_of(self, get: Get, name: str, entity: Entity) -> Entity:
        """The entity with all its headers, for a moment that lies before what the store knows."""
        if entity.whole:
            return entity
        key = self.key(name)
        whole = Entity(self.layout, self.needs, key, get(key), 0, entity)
        self._looked_back.add(name)
        self._entities[name] = whole
        return whole

    def seen(self, get: Get, entity: Entity, low: int | None, at: int) -> Iterator[tuple[int, list[Row] | None]]:
        """The tiles with rows in (low, at], newest first: the place, and the rows seen; None if all of them are."""
        width = self.layout.tile
        for place in range(entity.after(at // width) - 1, -1, -1):
            number, _, earliest, latest, known = entity.headers[place][:5]
            if low is not None and number < low // width:
                return
            if (low is None or earliest > low) and latest <= at and known <= at:
                yield place, None
                continue
            rows = entity.tile(place, self.layout, self.needs, get)
            first = 0 if low is None else bisect_right(rows.events, low)
            last = bisect_right(rows.events, at)
            yield place, [row for row in rows.rows[first:last] if row[1] <= at]


class _Latest:
    """Reads the latest row of an entity; usually the newest that the store holds, straight from its record."""

    def __init__(self, layout: Layout) -> None:
        self._kept = _Kept(layout, [])
        self._key = self._kept.key
        self._layout = layout
        self._ttl = layout.plan.ttl
        places = [2 + place for place in layout.plan.features.values() if isinstance(place, int)]
        self._head = struct.Struct(f"<4q{layout.columns}d")
        self._unpack = self._head.unpack_from
        self._pick: Callable[[Row], Sequence[float]] = (
            itemgetter(*(2 + place for place in places)) if len(places) > 1 else lambda head: [head[2 + places[0]]]
        )
        """From a record's head to the features."""
        self._nothing = [_NAN] * len(places)

    def read(self, get: Get, name: str | None, at: int) -> Sequence[float]:
        if name is None:
            return self._nothing
        key = self._key(name)
        record = get(key)
        if record is None:
            return self._nothing
        if crc32(record, crc32(key)) != RESIDUE:
            self._layout.check(key, record)
            if len(record) < self._head.size:  # of format 1
                raise CorruptionError("a record is too short for its view", where=f"online store, {name!r}")
        head = self._unpack(record)
        if head[1] > at:
            row = self._before(get, name, head[2:], at)
            if row is None:
                return self._nothing
            head = (0, 0, *row)
        if self._ttl is not None and head[2] <= at - self._ttl:
            return self._nothing
        return self._pick(head)

    def _before(self, get: Get, name: str, newest: Row, at: int) -> Row | None:
        """The latest row seen at a moment that lies before what the store knows."""
        if newest[0] <= at and newest[1] <= at:
            return newest
        low = None if self._ttl is None else at - self._ttl
        kept = self._kept
        entity = kept.find(get, name)
        if entity is None:
            return None
        whole = kept.all_of(get, name, entity)
        for place, rows in kept.seen(get, whole, low, at):
            found = whole.tile(place, kept.layout, kept.needs, get).rows if rows is None else rows
            if found:
                return found[-1]
        return None


_SUMS = frozenset(("len", "count", "sum", "mean"))
"""What can be had by subtraction."""


class _Windowed:
    """Reads aggregations over windows of an entity."""

    def __init__(self, layout: Layout) -> None:
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
        self._kept = _Kept(layout, self._needs)
        self._windows = plan.windows
        self._reductions = plan.reductions
        self._sums_only = all(each.operation in _SUMS for each in plan.reductions)
        self._wants_last = any(each.operation == "last" for each in plan.reductions)
        self._pick = _pick_of(layout)
        none = [_reduce(each, 0, {column: EMPTY for column, _, _ in self._needs}, None) for each in plan.reductions]
        self._nothing = self._pick([none] * len(plan.windows))

    def read(self, get: Get, name: str | None, at: int) -> list[float]:
        entity = None if name is None else self._kept.find(get, name)
        if entity is None or name is None:
            return self._nothing
        if entity.asked != at:
            if entity.horizon > at:
                entity = self._kept.all_of(get, name, entity)
            entity.answer = self._pick(self._reduced(get, entity, at))
            entity.asked = at
        return entity.answer

    def _reduced(self, get: Get, entity: Entity, at: int) -> Sequence[Sequence[float]]:
        """The reductions at a moment, window by window."""
        if entity.horizon <= at:
            return [self._up_to_now(get, entity, at - width) for width in self._windows]
        if self._sums_only:
            unseen = self._unseen(get, entity, at)
            found = [self._less(get, entity, at - width, unseen) for width in self._windows]
            if None not in found:
                return found  # type: ignore[return-value]
        whole: dict[int, tuple[int, list[Moments], Row | None]] = {}
        return [self._exactly(get, entity, at - width, at, whole) for width in self._windows]

    def _unseen(self, get: Get, entity: Entity, at: int) -> list[Row]:
        """The rows that the store holds already and a moment before its newest cannot see."""
        rows: list[Row] = []
        headers = entity.headers
        for place in range(entity.first_unseen(at), len(headers)):
            header = headers[place]
            if header[3] > at or header[4] > at:
                rows += entity.tile(place, self._kept.layout, self._needs, get).unseen(at)
        return rows

    def _less(self, get: Get, entity: Entity, low: int, unseen: list[Row]) -> list[float] | None:
        """The reductions over all rows after `low` but the unseen ones, by subtraction.

        None where that would lose digits: of an infinity, and in a store of format 1, whose sums are rounded, where
        what remains is a millionth of what was there, or less.
        """
        rows, totals, newest = self._since(get, entity, low)
        hidden = [row for row in unseen if row[0] > low]
        rounded = self._kept.layout.format == 1
        for column, total in totals.items():
            values = [value for row in hidden if (value := row[2 + column]) == value]
            left = totals[column] = less(total, values)
            if not math.isfinite(left[1]) or (rounded and abs(left[1]) * 1e6 < sum(map(abs, values))):
                return None
        return [_reduce(each, rows - len(hidden), totals, newest) for each in self._reductions]

    def _up_to_now(self, get: Get, entity: Entity, low: int) -> list[float]:
        """The reductions over all rows with an event time after `low`: every one of them is seen."""
        rows, totals, newest = self._since(get, entity, low)
        return [_reduce(each, rows, totals, newest) for each in self._reductions]

    def _since(self, get: Get, entity: Entity, low: int) -> tuple[int, dict[int, Moments], Row | None]:
        """How many rows have an event time after `low`, their totals by column, and the newest."""
        layout = self._kept.layout
        number = low // layout.tile
        place = bisect_right(entity.tiles, number)
        k = len(entity.tiles) - place
        rows = entity.rows[k]
        if place and entity.tiles[place - 1] == number and entity.headers[place - 1][3] > low:
            cut = entity.tile(place - 1, layout, self._needs, get)
            j = len(cut.rows) - bisect_right(cut.events, low)
            rows += j
            totals = {
                column: merge(suffixes.last(k), cut.suffixes[column].last(j))
                for column, suffixes in entity.suffixes.items()
            }
        else:
            totals = {column: suffixes.last(k) for column, suffixes in entity.suffixes.items()}
        newest = entity.newest if entity.newest[0] > low else None
        return rows, totals, newest

    def _exactly(
        self, get: Get, entity: Entity, low: int, at: int, whole: dict[int, tuple[int, list[Moments], Row | None]]
    ) -> list[float]:
        """The reductions over the rows seen at a moment before the newest.

        `whole` keeps what was summed of tiles that lie wholly after `low`, for the windows that follow.
        """
        count, newest = 0, None
        totals = [EMPTY for _ in self._needs]
        for place, part in self._parts(get, entity, low, at, whole):
            seen, moments, last = part if part is not None else self._whole_tile(get, entity, place)
            count += seen
            totals = [merge(total, each) for total, each in zip(totals, moments, strict=True)]
            if newest is None:
                newest = last
        by_column = {need[0]: total for need, total in zip(self._needs, totals, strict=True)}
        return [_reduce(each, count, by_column, newest) for each in self._reductions]

    def _parts(
        self, get: Get, entity: Entity, low: int, at: int, whole: dict[int, tuple[int, list[Moments], Row | None]]
    ) -> Iterator[tuple[int, tuple[int, list[Moments], Row | None] | None]]:
        """The tiles with rows in (low, at], newest first, with the totals of their seen rows; None if all are seen."""
        headers, width = entity.headers, self._kept.layout.tile
        for place in range(entity.after(at // width) - 1, -1, -1):
            number, _, earliest, latest, known = headers[place][:5]
            if number < low // width:
                return
            inside = earliest > low
            if inside and latest <= at and known <= at:
                yield place, None
            elif inside and place in whole:
                yield place, whole[place]
            else:
                part = self._part(entity.tile(place, self._kept.layout, self._needs, get), low, at)
                if inside:
                    whole[place] = part
                yield place, part

    def _part(self, tile: TileRows, low: int, at: int) -> tuple[int, list[Moments], Row | None]:
        rows = [
            row for row in tile.rows[bisect_right(tile.events, low) : bisect_right(tile.events, at)] if row[1] <= at
        ]
        moments = [totals_of([row[2 + need[0]] for row in rows], need[1] or need[2]) for need in self._needs]
        return len(rows), moments, rows[-1] if rows else None

    def _whole_tile(self, get: Get, entity: Entity, place: int) -> tuple[int, list[Moments], Row | None]:
        moments = [entity.moments(place, column) for column, _, _ in self._needs]
        last = entity.tile(place, self._kept.layout, self._needs, get).rows[-1] if self._wants_last else None
        return entity.headers[place][1], moments, last


def _reduce(reduction: WindowAggregate, rows: int, totals: Mapping[int, Moments], newest: Row | None) -> float:
    operation, column = reduction.operation, reduction.row
    if column is None:
        return float(rows)
    if operation == "last":
        return _NAN if newest is None else newest[2 + column]
    count, total, least, most, squares, lack = totals[column]
    if operation == "mean":
        return (total + lack) / count if count else _NAN
    if operation == "count":
        return count
    if operation == "sum":
        return total + lack
    if operation == "std":
        return math.sqrt(squares / (count - 1.0)) if count > 1 else _NAN
    if not count:
        return _NAN
    return least if operation == "min" else most


def _pick_of(layout: Layout) -> Callable[[Sequence[Sequence[float]]], list[float]]:
    """From the reductions per window to the features in order: feature by feature, window by window."""
    plan = layout.plan
    windows = range(len(plan.windows))
    simple = [place for place in plan.features.values() if isinstance(place, int)]
    if len(simple) == len(plan.features):
        places = [(window, place) for place in simple for window in windows]
        return lambda reduced: [reduced[window][place] for window, place in places]
    readers = [place if isinstance(place, int) else _combined(place) for place in plan.features.values()]
    return lambda reduced: [
        reduced[window][reader] if isinstance(reader, int) else reader(reduced[window])
        for reader in readers
        for window in windows
    ]


def _combined(combination: Combination) -> Callable[[Sequence[float]], float]:
    names = {str(index): place for index, place in enumerate(combination.reductions)}
    compute = compile_row({"": combination.expression}, dict.fromkeys(names, "number"))
    return lambda reductions: compute({name: reductions[place] for name, place in names.items()})[0]
