"""A category looked up in a table: a row of numbers for each one that is known, and one for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from kreis.arrays import Floats
from kreis.models.scoring import Matrix
from kreis.training.encoders.encoder import Column, ColumnKind, Encoding
from kreis.training.encoders.front import Front

__all__ = ["Table"]

_END = 2.0**24
"""The numbers of categories are whole and below it (`kreis.expressions.scalars.category`)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """What an encoder learned of a category, as numbers.

    A number that is not whole loses its fraction, in Python and in ONNX, before it is looked up: what comes out is
    always a row of the table.
    """

    numbers: Floats
    """The categories that are known, shape (k,)."""
    values: Matrix
    """A row for each of them, float32 (k, w)."""
    others: Matrix
    """The row of those never seen, or missing, float32 (w,)."""
    taught: Matrix | None = None
    kind: ColumnKind = "number"
    names: Sequence[str] = ("",)

    @classmethod
    def of_places(cls, numbers: Floats, *, kind: ColumnKind = "number") -> Table:
        """Each category's place in an order; others are missing."""
        places = np.arange(len(numbers), dtype=np.float32)[:, np.newaxis]
        return cls(numbers=numbers, values=places, others=np.array([np.nan], dtype=np.float32), kind=kind)

    def encode(self, column: Column) -> Matrix:
        """The rows of the table."""
        if not len(self.numbers):
            return np.repeat(self.others[np.newaxis], len(column.numbers), axis=0)
        codes = np.clip(np.where(np.isnan(column.numbers), -1.0, column.numbers), -1.0, _END).astype(np.int64)
        rank = np.argsort(self.numbers)
        at = np.minimum(np.searchsorted(self.numbers[rank], codes), len(rank) - 1)
        places = np.where(self.numbers[rank][at] == codes, rank[at], len(rank))
        found: Matrix = np.concatenate([self.values, self.others[np.newaxis]])[places]
        return found

    @property
    def group(self) -> str:
        """By what the others are given."""
        return self.others.tobytes().hex()

    @classmethod
    def in_front(cls, front: Front, encodings: Mapping[int, Encoding]) -> str:
        """One look-up for all of them: the number of a category, and its feature's place above it, name a row."""
        tables = [cast("Table", each) for each in encodings.values()]
        column = front.node("Gather", "raw", front.constant(list(encodings), np.int64), axis=1)
        absent = front.node("IsNaN", column)
        present = front.node("Where", absent, front.constant(-1.0, np.float32), column)
        clipped = front.node("Clip", present, front.constant(-1.0, np.float32), front.constant(_END, np.float32))
        codes = front.node("Cast", clipped, to=front.INT64)
        places = [place << 25 for place in range(len(tables))]
        keys = front.node("Add", codes, front.constant([places], np.int64))
        known = [place + int(number) for place, each in zip(places, tables, strict=True) for number in each.numbers]
        rows = front.node(
            "LabelEncoder",
            keys,
            domain="ai.onnx.ml",
            keys_int64s=known or [-1],
            values_int64s=list(range(len(known))) or [0],
            default_int64=len(known),
        )
        values = np.concatenate([*(each.values for each in tables), tables[0].others[np.newaxis]])
        found = front.node("Gather", front.constant(values, np.float32), rows, axis=0)
        return front.node("Reshape", found, front.constant([0, len(tables) * values.shape[1]], np.int64))
