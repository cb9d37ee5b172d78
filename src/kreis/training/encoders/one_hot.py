"""A category as a column of 0 and 1 for each one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.models.scoring import Matrix
from kreis.training.encoders.encoder import Column, ColumnKind, Encoding
from kreis.training.encoders.front import Front
from kreis.training.encoders.targets import Targets, seen

__all__ = ["Indicators", "OneHot"]

MOST = 1_000
"""More columns are not made of one category: the commonest get one. A column costs 4 bytes a row in training."""


@dataclasses.dataclass(frozen=True)
class OneHot:
    """A column of 0 and 1 for each category, the commonest first; of others, all are 0."""

    name: ClassVar[str] = "one-hot"

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Indicators:
        """Take the categories that there are."""
        numbers, _, counts = seen(column.numbers)
        chosen = numbers[np.argsort(-counts, kind="stable")][:MOST]
        return Indicators(numbers=chosen, names=tuple(f" = {column.names.get(each, '?')}" for each in chosen))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Indicators:
    """Which of the known categories it is."""

    numbers: Floats
    names: Sequence[str]
    kind: ColumnKind = "indicator"
    taught: Matrix | None = None
    group: str = ""

    def encode(self, column: Column) -> Matrix:
        """Compare with each."""
        found: Matrix = (column.numbers[:, np.newaxis] == self.numbers.astype(np.float32)).astype(np.float32)
        return found

    @classmethod
    def in_front(cls, front: Front, encodings: Mapping[int, Encoding]) -> str:
        """One comparison for all columns of all of them."""
        places = [place for place, each in encodings.items() for _ in each.numbers]
        numbers = [number for each in encodings.values() for number in each.numbers]
        column = front.node("Gather", "raw", front.constant(places, np.int64), axis=1)
        same = front.node("Equal", column, front.constant(numbers, np.float32))
        return front.node("Cast", same, to=front.FLOAT)
