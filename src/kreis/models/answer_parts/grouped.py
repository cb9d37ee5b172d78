"""One number for each group of rows, and one for all rows, which is taken of groups with too few."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

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

    def told(self, group: str | None) -> dict[str, str | None]:
        """What an answer says of its group: nothing where there are none, null where it is that of all rows."""
        return {} if self.by is None else {"group": group}
