"""Categories in the order of their texts, or in one that the user says."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from kreis.expressions.scalars import category
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.table import Table
from kreis.training.encoders.targets import Targets, seen

__all__ = ["Ordinal"]


@dataclasses.dataclass(frozen=True)
class Ordinal:
    """Each category's place in an order; others are missing.

    Example:

    >>> Ordinal(("low", "middle", "high")).texts
    ('low', 'middle', 'high')
    """

    name: ClassVar[str] = "ordinal"
    texts: tuple[str, ...] = ()
    """The order; that of the texts of the rows that teach, sorted, if none is said."""

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Table:
        """Take the order as it is said, or sort."""
        if self.texts:
            return Table.of_places(np.array([category(each) for each in self.texts], dtype=np.float64))
        numbers, _, _ = seen(column.numbers)
        return Table.of_places(np.array(sorted(numbers, key=lambda number: (column.names.get(number, ""), number))))
