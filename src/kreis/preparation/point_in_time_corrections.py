"""Rows that were corrected: each is seen until its correction was known, and the correction from then on.

The corrections of an entity cut its time into epochs, within which the same rows stand. Each epoch becomes an entity
of its own, with the rows that can be seen in it, so the join needs to know nothing of corrections. Only entities with
corrections have more than one epoch, and a row is in no epoch that lies wholly before it or out of its reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kreis.arrays import Integers
from kreis.preparation.point_in_time_timeline import Questions

__all__ = ["Epochs", "by_epoch"]

_EVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Epochs:
    """A table's rows and the questions, by epoch."""

    rows: npt.NDArray[np.intp]
    """Places in the table; a row comes once for each epoch in which it can be seen."""
    codes: Integers
    """Of each of them, the code of its epoch."""
    asked: Questions
    entities: int
    """How many codes there are."""


class _Cuts:
    """The moments at which an entity's rows were corrected, by entity and time."""

    def __init__(self, codes: Integers, times: Integers, entities: int) -> None:
        self._times = np.unique(times)
        keys = np.unique(self._keys(codes, times))
        self._sorted = keys
        self.first: npt.NDArray[np.intp] = np.searchsorted(keys, np.arange(entities + 1) * (self._times.size + 1))

    def _keys(self, codes: Integers, times: Integers) -> Integers:
        place: Integers = codes * (self._times.size + 1) + np.searchsorted(self._times, times, side="right")
        return place

    def until(self, codes: Integers, times: Integers) -> npt.NDArray[np.intp]:
        """How many cuts an entity has at or before a moment: the number of the epoch that holds it."""
        return np.searchsorted(self._sorted, self._keys(codes, times), side="right") - self.first[codes]


def by_epoch(
    codes: Integers, event: Integers, known: Integers, superseded: Integers, asked: Questions, *, reach: int | None
) -> Epochs:
    """Divide rows and questions by epoch.

    Args:
        codes: Of each row, its entity; shape (m,).
        event: When it happened, µs.
        known: When it was known, µs.
        superseded: When its correction was known, µs; the largest int64 for a row that stands.
        asked: The questions.
        reach: How long after its event time a row can be seen, µs; None for ever.
    """
    entities = max(codes.max(initial=-1), asked.codes.max(initial=-1)) + 1
    corrected = superseded < _EVER
    cuts = _Cuts(codes[corrected], superseded[corrected], entities)
    base = np.arange(entities) + cuts.first[:-1]
    begin = cuts.until(codes, np.maximum(event, known))
    end = np.where(corrected, cuts.until(codes, superseded) - 1, np.diff(cuts.first)[codes])
    if reach is not None:
        end = np.minimum(end, cuts.until(codes, event + (reach - 1)))
    count = np.maximum(end - begin + 1, 0)
    rows = np.repeat(np.arange(codes.size), count)
    number = np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count)
    somebody = asked.codes >= 0
    of_asked = asked.codes.copy()
    of_asked[somebody] = base[asked.codes[somebody]] + cuts.until(asked.codes[somebody], asked.times[somebody])
    return Epochs(
        rows, base[codes[rows]] + begin[rows] + number, asked.recoded(of_asked), int(entities + cuts.first[-1])
    )
