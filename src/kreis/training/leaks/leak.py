"""What a leak is, and what it is looked for in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.tasks.task import Task
from kreis.training.data import Indices, TrainingData
from kreis.training.splits.split import Split

__all__ = ["Evidence", "Leak", "LeakKind", "Searched", "shown"]

_ROWS = 10
Evidence = list[dict[str, str | float | None]]


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lets the model look better than it is."""

    kind: str
    column: str
    """By this name a person overrules it: a feature, or a column of the rows; of twins "twins"."""
    said: str
    """What was found, with its numbers, in one sentence."""
    instead: str
    """How to go on."""
    refused: bool = True
    """Whether the work goes back; else it is a warning."""
    strength: float | None = None
    """How well it alone tells the outcome, from 0.5 to 1, where that is the evidence."""
    low: float | None = None
    high: float | None = None
    rows: Evidence = []
    """Ten rows that show it."""


@dataclass(frozen=True, eq=False)
class Searched:
    """The rows of a run and their parts."""

    data: TrainingData
    """All rows, with all features that a candidate uses; n of them."""
    split: Split
    task: Task
    ids: npt.NDArray[np.object_]
    """The rows' names, shape (n,)."""
    entities: Mapping[str, Codes]
    """Columns that name something with several rows, and are no features: codes of shape (n,), -1 where missing."""
    at_random: bool
    """Whether rows are parted at random, each for itself."""
    timeless: bool = False
    """Whether rows have no times of their own."""

    @cached_property
    def matrix(self) -> npt.NDArray[np.float32]:
        """The features, NaN where missing or infinite, shape (n, f)."""
        given = self.data.matrix
        finite = np.isfinite(given) | np.isnan(given)
        return given if finite.all() else np.where(finite, given, np.float32(np.nan))

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """Features that are numbers, by name; no categories, no texts."""
        left = {*self.data.categories, *self.data.text_fields}
        return {
            name: self.matrix[:, place].astype(np.float64)
            for place, name in enumerate(self.data.features)
            if name not in left
        }

    @cached_property
    def teaching(self) -> Indices:
        """Rows that teach: in a cross-validation those of the first fold."""
        return self.split.folds[0].train if self.split.folds else self.split.train

    @cached_property
    def judging(self) -> Indices:
        """Rows that judge what was learned from these."""
        return self.split.folds[0].test if self.split.folds else self.split.test

    @property
    def known(self) -> npt.NDArray[np.intp]:
        """Rows whose outcome is known."""
        return np.flatnonzero(~np.isnan(self.data.outcomes))

    def table(self, rows: npt.ArrayLike, columns: Mapping[str, Any]) -> Evidence:
        """Ten of some rows with their outcomes, as evidence."""
        taken = np.asarray(rows)[:_ROWS]
        return [
            {
                "row": str(self.ids[row]),
                **{name: shown(values[row]) for name, values in columns.items()},
                "outcome": shown(self.data.outcomes[row]),
            }
            for row in taken
        ]


class LeakKind(Protocol):
    """One way in which a model can come to look better than it is."""

    name: ClassVar[str]

    def find(self, searched: Searched) -> list[Leak]:
        """Where it is. The same rows give the same answer."""
        ...


def shown(value: Any) -> str | float | None:
    """A value as plain JSON data."""
    if isinstance(value, str) or value is None:
        return value
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None
