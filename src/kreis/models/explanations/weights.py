"""A weighted sum of columns as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import RefusalError
from kreis.models.scoring import Matrix

__all__ = ["Weights"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Weights:
    """k sums over w columns. What a column adds is counted from its mean among the training rows (with independent
    columns that is its exact Shapley value: Lundberg and Lee 2017, corollary 1).
    """

    weights: Floats
    """Shape (w, k)."""
    means: Floats
    """Of the training rows, medians standing for missing values, shape (w,)."""
    medians: Floats
    """What stands for a missing or infinite value, shape (w,)."""
    flags: Floats
    """What is added where a value is missing, shape (w, k)."""
    absent: Floats
    """The share of the training rows in which each is missing, shape (w,)."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As they are kept."""
        held = {"weights": self.weights, "means": self.means, "medians": self.medians}
        return held | ({"flags": self.flags, "absent": self.absent} if self.flags.any() else {})

    @classmethod
    def from_arrays(cls, held: Mapping[str, npt.NDArray[Any]], *, columns: int, outputs: int) -> Weights:
        """The inverse of `arrays`.

        Args:
            held: The arrays.
            columns: w.
            outputs: k.

        Raises:
            RefusalError: they are of other shapes, or not all finite numbers.
        """
        wide, shapes = (columns, outputs), {"weights": (columns, outputs), "flags": (columns, outputs)}
        given = {"flags": np.zeros(wide), "absent": np.zeros(columns)} | dict(held)
        found: dict[str, Floats] = {}
        for name in ("weights", "means", "medians", "flags", "absent"):
            values = given.get(name, np.empty(0)).astype(np.float64)
            if values.shape != shapes.get(name, (columns,)) or not np.isfinite(values).all():
                raise RefusalError(f"its {name} are no numbers of shape {wide}", where="weights of an explanation")
            found[name] = values
        return cls(**found)

    @property
    def base(self) -> Floats:
        """What the sums are on average, shape (k,)."""
        found: Floats = self.means @ self.weights + self.absent @ self.flags
        return found

    def contributions(self, matrix: Matrix) -> Floats:
        """What each column adds to each sum, shape (n, k, w); with `base` they add up to it."""
        absent = ~np.isfinite(matrix)
        moved = np.where(absent, self.medians, matrix) - self.means
        found: Floats = moved[:, None, :] * self.weights.T + (absent - self.absent)[:, None, :] * self.flags.T
        return found

    def times(self, factor: float) -> Weights:
        """All of it so many times."""
        return self._with(self.weights * factor, self.flags * factor)

    def at_output(self, place: int, outputs: int) -> Weights:
        """Of one sum, as one of several."""
        both = np.zeros((2, len(self.means), outputs))
        both[0, :, place], both[1, :, place] = self.weights[:, 0], self.flags[:, 0]
        return self._with(both[0], both[1])

    def _with(self, weights: Floats, flags: Floats) -> Weights:
        return Weights(weights=weights, flags=flags, means=self.means, medians=self.medians, absent=self.absent)
