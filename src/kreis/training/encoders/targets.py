"""What happened in the rows that teach, as encoders look at it: one number for each row, or one for each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.tasks.task import Labels

__all__ = ["LEAST", "Places", "Targets", "seen"]

Places = npt.NDArray[np.intp]

LEAST = 10
"""A category with fewer rows is taken as one that was never seen: its mean would be chance."""


class Targets:
    """Labels of n rows (`Task.labels`): booleans, numbers, class indices, or booleans for each of several labels."""

    def __init__(self, labels: Labels) -> None:
        self._classes = int(labels.max(initial=0)) + 1 if np.issubdtype(labels.dtype, np.integer) else 0
        self._values = labels if self._classes else labels.astype(np.float64).reshape(len(labels), -1)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def width(self) -> int:
        """How many numbers describe what happened: 1, or one for each class or label."""
        return self._classes or int(self._values.shape[1])

    @property
    def known(self) -> bool:
        """Whether anything is known of what happened."""
        return bool(self._classes) or bool(np.isfinite(self._values).any())

    def sums(self, places: Places, count: int, rows: Places | slice = slice(None)) -> tuple[Floats, Floats]:
        """What happened in each of `count` groups of rows.

        Args:
            places: The group of each row, shape (n,).
            count: How many groups there are.
            rows: Only these.

        Returns:
            The sums, shape (count, width), and how many rows of each group are known, shape (count,).
        """
        at, values = places[rows], self._values[rows]
        sizes = np.bincount(at, minlength=count).astype(np.float64)
        if self._classes:
            flat = np.bincount(at * self._classes + values, minlength=count * self._classes)
            return flat.reshape(count, self._classes).astype(np.float64), sizes
        known = np.isfinite(values).all(axis=1)
        if not known.all():
            at, values = at[known], values[known]
            sizes = np.bincount(at, minlength=count).astype(np.float64)
        columns = [np.bincount(at, weights=column, minlength=count) for column in values.T]
        return np.stack(columns, axis=1), sizes


def seen(column: npt.NDArray[np.float32]) -> tuple[Floats, Places, Places]:
    """The categories with at least 10 rows: their numbers (k,), ascending, and the place of each row; k where none.

    The third is how many rows each has, shape (k,).
    """
    present = ~np.isnan(column)
    numbers, at, counts = np.unique(column[present], return_inverse=True, return_counts=True)
    kept = counts >= LEAST
    place = np.where(kept, np.cumsum(kept) - 1, kept.sum())
    places = np.full(len(column), kept.sum(), dtype=np.intp)
    places[present] = place[at]
    return numbers[kept].astype(np.float64), places, counts[kept].astype(np.intp)
