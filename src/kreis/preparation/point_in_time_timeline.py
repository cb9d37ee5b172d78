"""A table's rows on the time line of their entities, and how to find what a moment may see of them.

Everything is a question of counting: a row is *visible* from `start = max(event_time, known_at)` on. Entity
and time are put into one sortable int64, so that one `searchsorted` answers for all entities at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats, Integers

__all__ = ["Questions", "Timeline", "order_of_pairs"]


_LARGEST_KEY = 2**63 - 1
_LATEST = 2**62


class Questions:
    """Who and when is asked for: entity codes and times (µs), both of shape (n,), sorted by entity and time.

    Code -1 asks for nobody, at any time.
    Sorted questions make `searchsorted` about ten times faster than scattered ones (it stays in the cache).
    `order[i]` is the row of the spine that question i came from.
    """

    def __init__(self, codes: Integers, times: Integers) -> None:
        nobody = codes < 0
        if nobody.any():
            times = np.where(nobody, times[~nobody].min(initial=_LATEST), times)
        self.order = order_of_pairs(codes, times)
        self.codes = codes[self.order]
        self.times = times[self.order]

    def recoded(self, codes: Integers) -> Questions:
        """The same questions of other entities, whose codes sort as those here."""
        made = object.__new__(Questions)
        made.order, made.codes, made.times = self.order, codes, self.times
        return made

    def scatter(self, answers: Floats) -> Floats:
        """Bring answers, shape (n,), back into the order of the spine."""
        result = np.empty_like(answers)
        result[self.order] = answers
        return result


class _Scale:
    """Maps (code, time) to one int64 that sorts alike; falls back to ranks of times where that overflows.

    A time before every row maps to 0, one after every row to the largest place.
    """

    def __init__(self, codes: int, times: tuple[Integers, ...]) -> None:
        self._first = min((int(each.min()) for each in times if each.size), default=0)
        self._last = max((int(each.max()) for each in times if each.size), default=0)
        self._ranks: Integers | None = None
        self._span = self._last - self._first + 2
        if (codes + 1) * self._span > _LARGEST_KEY:
            self._ranks = np.unique(np.concatenate(times))
            self._span = self._ranks.size + 1

    def keys(self, codes: Integers, times: Integers) -> Integers:
        if self._ranks is not None:
            places = np.searchsorted(self._ranks, times, side="right").astype(np.int64)
        else:
            places = np.clip(times, self._first - 1, self._last)
            places -= self._first - 1
        places += codes * np.int64(self._span)
        return places


class Timeline:
    """A table's rows by entity, event time, known at and position in the table; shape (m,) each.

    `order[i]` is the row of the table at place i. `start_order` holds the places by entity and start, or None
    where that is the same order (no row became known after a later one).
    """

    def __init__(self, codes: Integers, event: Integers, known: Integers, *, entities: int) -> None:
        start = np.maximum(event, known)
        self._scale = _Scale(entities, (event, start))
        keys = self._scale.keys(codes, event)
        self.order = np.argsort(keys)
        self._event_keys = keys[self.order]
        self._settle_ties(known)
        self.event = event[self.order]
        self.start = start[self.order]
        starts = self._scale.keys(codes[self.order], self.start)
        self.start_order: npt.NDArray[np.intp] | None = None
        if np.any(starts[1:] < starts[:-1]):
            self.start_order = np.argsort(starts)
            starts = starts[self.start_order]
        self._start_keys = starts

    def __len__(self) -> int:
        return int(self.order.size)

    def happened(self, asked: Questions, back: int = 0) -> npt.NDArray[np.intp]:
        """Per question, the place after the last row with event time <= t - back (µs)."""
        return self._count(self._event_keys, asked, back)

    def visible(self, asked: Questions, back: int = 0) -> npt.NDArray[np.intp]:
        """Per question, how many rows up to that entity have start <= t - back (µs)."""
        return self._count(self._start_keys, asked, back)

    def first(self, asked: Questions) -> npt.NDArray[np.intp]:
        """Per question, the place of its entity's first row."""
        keys = self._scale.keys(asked.codes, np.full(asked.codes.size, np.iinfo(np.int64).min))
        return np.searchsorted(self._event_keys, keys, side="right")

    def _count(self, keys: Integers, asked: Questions, back: int) -> npt.NDArray[np.intp]:
        times = asked.times - back if back else asked.times
        return np.searchsorted(keys, self._scale.keys(asked.codes, times), side="right")

    def _settle_ties(self, known: Integers) -> None:
        """Order rows of one entity and event time by known at, then by position (argsort leaves them in any order)."""
        same = self._event_keys[1:] == self._event_keys[:-1]
        if not same.any():
            return
        tied = np.zeros(self.order.size, dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        places = np.flatnonzero(tied)
        rows = self.order[places]
        self.order[places] = rows[np.lexsort((rows, known[rows], self._event_keys[places]))]


def order_of_pairs(codes: Integers, times: Integers) -> npt.NDArray[np.intp]:
    """The permutation that sorts by code, then time; equal pairs in any order."""
    if not codes.size:
        return np.empty(0, dtype=np.intp)
    first, span = int(times.min()), int(times.max()) - int(times.min()) + 1
    if (int(codes.max()) + 2) * span > _LARGEST_KEY:
        order: npt.NDArray[Any] = np.lexsort((times, codes))
        return order
    return np.argsort(codes * np.int64(span) + (times - first))
