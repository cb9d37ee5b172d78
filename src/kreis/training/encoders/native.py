"""Categories as codes, for trainers that split them themselves."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from kreis.training.encoders.encoder import Column
from kreis.training.encoders.table import Table
from kreis.training.encoders.targets import Targets, seen

__all__ = ["Native"]


@dataclasses.dataclass(frozen=True)
class Native:
    """Each category's place among the commonest, as a code that says nothing but which one it is; others are missing.

    For trainers that split categories themselves. A graph that they convert to takes a code of 1.5 for another leaf
    than they do, so codes are whole before it sees them.
    """

    name: ClassVar[str] = "native"

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Table:
        """Number the categories, the commonest first."""
        numbers, _, counts = seen(column.numbers)
        return Table.of_places(numbers[np.argsort(-counts, kind="stable")], kind="category")
