"""Another level is a lookup: the quantiles of a fitted part at many levels."""

from __future__ import annotations

from bisect import bisect_left

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["QuantileGrid"]


class QuantileGrid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Quantiles at ascending levels, one of which is that of the part. A level between two takes the upper one.

    Of n rows no quantile beyond the level n / (n + 1) is finite: those of fewer rows are shorter.
    """

    levels: tuple[float, ...]
    pooled: tuple[float, ...]
    """Of all rows, ascending."""
    groups: dict[str, tuple[float, ...]] = {}
    """Of each group that has quantiles of its own."""

    def quantile(self, level: float, group: str | None = None) -> float:
        """The quantile at a level; that of the highest level beyond it."""
        values = self._values(group)
        return values[min(bisect_left(self.levels, level), len(values) - 1)]

    def bounds(self, group: str | None = None) -> tuple[float, float]:
        """The levels between which another one says something else: the highest of those with the smallest quantile,
        and the highest of all.
        """
        values = self._values(group)
        return self.levels[values.count(values[0]) - 1], self.levels[len(values) - 1]

    def needed(self, beyond: npt.NDArray[np.float64], group: str | None = None) -> npt.NDArray[np.float64]:
        """The level beyond which each of n rows is covered, shape (n,); infinite where none covers it.

        Args:
            beyond: How far out what happened was, in the unit of the quantiles.
            group: The group of all of them.
        """
        values = self._values(group)
        reached = np.array([-np.inf, *self.levels[: len(values) - 1], np.inf])
        found: npt.NDArray[np.float64] = reached[np.searchsorted(values, beyond, side="left")]
        return found

    def _values(self, group: str | None) -> tuple[float, ...]:
        return self.pooled if group is None else self.groups.get(group, self.pooled)
