"""One number for each group of rows, and one for all rows, which is taken of groups with too few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.part import Asking, group_text

__all__ = ["Grouped"]


class Grouped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that may differ by group."""

    pooled: float
    """Of all rows."""
    by: str | None = None
    """The key or field that names the group; None where all are of one."""
    groups: dict[str, float] = {}
    """Of each group that had enough rows."""
    grid: QuantileGrid | None = None
    """The number at other levels; None where the level stays as it is."""
    levels: Levels | None = None
    """At which levels these are, where there are others."""

    def group_of(self, asked: Asking) -> str | None:
        """The group whose number holds for a row; None where it is that of all."""
        if self.by is None:
            return None
        group = group_text(asked.keys.get(self.by, asked.fields.get(self.by)))
        return group if group in self.groups else None

    def at(self, group: str | None) -> float:
        """The number that holds for a group."""
        return self.pooled if group is None else self.groups.get(group, self.pooled)

    def numbers(self, groups: Sequence[str | None] | None, count: int) -> npt.NDArray[np.float64]:
        """The number that holds for each of some rows, shape (count,)."""
        if groups is None or self.by is None:
            return np.full(count, self.pooled)
        return np.array([self.at(each) for each in groups])

    def at_levels(self, levels: Levels) -> Grouped:
        """The numbers at other levels; the same where there are none."""
        grid = self.grid
        if grid is None:
            return self
        groups = {each: grid.quantile(levels.of(each), each) for each in self.groups}
        pooled = grid.quantile(levels.general)
        return msgspec.structs.replace(self, pooled=pooled, groups=groups, levels=levels)

    def told(self, group: str | None) -> dict[str, Any]:
        """What an answer says of its group and of its level: of the group nothing where there are none, and null where
        its number is that of all rows; of the level nothing where it stays as it is.
        """
        said: dict[str, Any] = {} if self.levels is None else {"adapted_level": self.levels.of(group)}
        return said if self.by is None else {**said, "group": group}
