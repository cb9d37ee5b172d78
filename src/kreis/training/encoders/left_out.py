"""A category that a package takes and its model does not see: what it is for stands behind the model."""

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

__all__ = ["LeftOut"]


@dataclasses.dataclass(frozen=True, eq=False)
class _Nothing:
    """No column."""

    numbers: Floats
    kind: ClassVar[ColumnKind] = "number"
    names: ClassVar[Sequence[str]] = ()
    taught: ClassVar[Matrix | None] = None
    group: ClassVar[str] = ""

    def encode(self, column: Column) -> Matrix:
        """None, float32 of shape (n, 0)."""
        return np.empty((len(column.numbers), 0), dtype=np.float32)

    @classmethod
    def in_front(cls, front: Front, encodings: Mapping[int, Encoding]) -> str:
        """Never asked: it has no column."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Hands a column to no model: the group by which thresholds differ."""

    name: ClassVar[str] = "left out"

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Encoding:
        """Learn nothing but which categories there are."""
        return _Nothing(seen(column.numbers)[0])
