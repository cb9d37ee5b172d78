"""Categories as what happened on average; the rows that teach see means of rows other than themselves."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.models.scoring import Matrix
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.table import Table
from kreis.training.encoders.targets import Places, Targets, seen

__all__ = ["TargetMean"]

FOLDS = 5
WEIGHT = 10.0
"""The mean of all rows counts as much as so many rows of the category."""


@dataclasses.dataclass(frozen=True)
class TargetMean:
    """The mean outcome of a category, drawn to that of all rows (Micci-Barreca 2001); a column for each of several
    classes. Others are given the mean of all rows.

    A mean that holds a row's own outcome tells a model that outcome, so the rows that teach are given means of the
    other four fifths; the package holds the means of all.
    """

    name: ClassVar[str] = "target"

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Table:
        """Average, in all rows and in each four fifths of them.

        Raises:
            ProjectError: nothing is known of what happened.
        """
        if not targets.known:
            raise ProjectError(
                "there are no outcomes to take the mean of", where='encode="target"', hint='write encode="one-hot"'
            )
        numbers, places, counts = seen(column.numbers)
        means = _means(targets, places, len(counts), slice(None))
        fold = np.random.default_rng(seed).permutation(len(places)) % FOLDS
        taught = np.empty((len(places), targets.width), dtype=np.float32)
        for each in range(FOLDS):
            others = np.flatnonzero(fold != each)
            taught[fold == each] = _means(targets, places, len(counts), others)[places[fold == each]]
        names = ("",) if targets.width == 1 else tuple(f" in class {each}" for each in range(targets.width))
        return Table(numbers=numbers, values=means[:-1], others=means[-1], taught=taught, names=names)


def _means(targets: Targets, places: Places, count: int, rows: Places | slice) -> Matrix:
    """The smoothed means of each category, and last the mean of all rows, float32 (count + 1, width)."""
    sums, sizes = targets.sums(places, count + 1, rows)
    overall: Floats = sums.sum(axis=0) / max(sizes.sum(), 1.0)
    means = (sums + WEIGHT * overall) / (sizes + WEIGHT)[:, np.newaxis]
    means[-1] = overall
    return means.astype(np.float32)
