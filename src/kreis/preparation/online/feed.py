"""Feeding an online store from tables: rows are released when they become known, in that order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.clock import microseconds
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.store import OnlineStore, Rows, Source
from kreis.preparation.point_in_time import column_of, row_values, times_of
from kreis.preparation.views import FeatureView

__all__ = ["OnlineFeed", "mark_of", "rows_of"]


def rows_of(layout: Layout, table: pl.DataFrame) -> Rows:
    """A table's rows as an online store takes them; those without key, event time or known at are left out.

    Raises:
        ProjectError: a column is missing or of an unsuitable type.
    """
    view = layout.view
    where = f"table {view.table!r} of feature view {view.name!r}"
    event, known = times_of(table, view.event_time, where=where), times_of(table, view.known_at, where=where)
    keyed = column_of(table, view.entity, where=where).is_not_null().to_numpy()
    never = np.iinfo(np.int64).min
    kept = np.flatnonzero(keyed & (event != never) & (known != never))
    kept = kept[np.argsort(known[kept], kind="stable")]
    table = table[kept]
    columns = row_values(table, layout.plan.rows, where=where)
    values = np.column_stack(columns) if columns else np.empty((kept.size, 0))
    entities = table[view.entity].cast(pl.String).to_list()
    return Rows(layout, entities, event[kept], known[kept], np.ascontiguousarray(values, dtype=np.float64))


class OnlineFeed:
    """Releases the rows of some views' tables to an online store as they become known.

    Where it stands is kept in the store, in the same transaction as the rows, so a feed that is made anew (after
    a crash, or from a newer version of the tables) goes on where the last one stopped: it releases the rows with
    a known at after that. Where the rows known by then are no longer the same ones (some came late, or the table was
    corrected), the next `advance` puts the entities concerned right, in the same transaction.

    Args:
        store: opened for writing.
        views: each view with its table.
        marks: names the version of each table, where it is known.
        history: also keep rows that no request from the first `advance` on can see, for reading the past.

    Raises:
        ProjectError: a column is missing or of an unsuitable type.
    """

    def __init__(
        self,
        store: OnlineStore,
        views: Sequence[tuple[FeatureView, pl.DataFrame]],
        *,
        history: bool = False,
        marks: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._history = history
        self._rows = [rows_of(Layout(view), table) for view, table in views]
        self._digests = [_running_digest(rows) for rows in self._rows]
        self._marks = [mark_of(each) for each in marks] or [0] * len(self._rows)
        self._next: list[int] = []
        self._corrected: set[int] = set()
        """Places of the views whose rows known by the store's position are no longer what the store was fed with."""
        for place, (rows, digests) in enumerate(zip(self._rows, self._digests, strict=True)):
            position = store.position(rows.layout)
            reached = 0 if position is None else int(np.searchsorted(rows.known_at, position, side="right"))
            self._next.append(reached)
            if position is not None and store.source(rows.layout).rows != int(digests[reached]):
                self._corrected.add(place)
        self._expired: dict[bytes, int] = {}

    @property
    def corrected(self) -> list[str]:
        """The views whose stored rows the next `advance` puts right."""
        return [self._rows[place].layout.view.name for place in sorted(self._corrected)]

    def advance(self, until: datetime | int) -> int:
        """Release the rows known at `until` (a datetime, or µs since 1970 UTC) or before, in one transaction.

        Tiles that no view can look back to from `until` are dropped now and then, unless `history` is kept.

        Returns:
            How many rows were released.

        Raises:
            StoreError: the store cannot be written; the rows are released by the next call that can.
        """
        at = until if isinstance(until, int) else microseconds(until)
        ends = [int(np.searchsorted(rows.known_at, at, side="right")) for rows in self._rows]
        batches = [self._batch(place, end, at) for place, end in enumerate(ends)]
        added = self._store.append(batches, position=at)
        self._corrected.clear()
        self._next = [max(start, end) for start, end in zip(self._next, ends, strict=True)]
        if not self._history:
            self._expire(at)
        return added

    def _batch(self, place: int, end: int, at: int) -> Rows:
        afresh = place in self._corrected
        rows = self._seen(_part(self._rows[place], 0 if afresh else self._next[place], end), at)
        source = Source(rows=int(self._digests[place][end]), mark=self._marks[place])
        return replace(rows, source=source, afresh=afresh)

    def _seen(self, rows: Rows, at: int) -> Rows:
        """Only the rows that a request at `at` or later can see."""
        reach = rows.layout.reach
        if self._history or reach is None or not rows.known_at.size:
            return rows
        kept = np.flatnonzero(rows.event_time > at - reach)
        if kept.size == rows.event_time.size:
            return rows
        entities = [rows.entities[place] for place in kept.tolist()]
        return Rows(rows.layout, entities, rows.event_time[kept], rows.known_at[kept], rows.values[kept])

    def _expire(self, at: int) -> None:
        """Now and then, drop what lies out of reach; that walks over all entities."""
        for layout in (rows.layout for rows in self._rows):
            if layout.reach is None:
                continue
            last = self._expired.setdefault(layout.identity, at)
            if at - last >= max(layout.reach // 2, layout.tile):
                self._store.expire(layout, at - layout.reach)
                self._expired[layout.identity] = at


def mark_of(version: str) -> int:
    """A name of 64 bits for a version of a table; 0 for none."""
    return int.from_bytes(hashlib.sha256(version.encode()).digest()[:8], "little") if version else 0


def _running_digest(rows: Rows) -> npt.NDArray[np.uint64]:
    """Of the first k rows, k = 0, 1, …, n, a digest that does not depend on their order: the sum of their hashes."""
    columns = {f"{place}": column for place, column in enumerate(rows.values.T)}
    frame = pl.DataFrame({"entity": rows.entities, "event": rows.event_time, "known": rows.known_at, **columns})
    sums = np.zeros(len(frame) + 1, dtype=np.uint64)
    if len(frame):
        np.cumsum(frame.hash_rows(seed=1).to_numpy(), out=sums[1:])
    return sums


def _part(rows: Rows, start: int, end: int) -> Rows:
    part = slice(start, max(start, end))
    return Rows(rows.layout, rows.entities[part], rows.event_time[part], rows.known_at[part], rows.values[part])
