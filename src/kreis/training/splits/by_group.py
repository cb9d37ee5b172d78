"""Splits by groups: rows that hang together (of one patient, one machine) never lie on both sides."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.tasks.task import Task
from kreis.texts import counted
from kreis.training.data import Microseconds
from kreis.training.splits.split import (
    BlocksAre,
    Labels,
    Split,
    UsualSplit,
    by_chance,
    check_part,
    check_share,
    groups_of,
    taken_to,
)

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = ["GroupSplit"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupSplit(UsualSplit):
    """UsualSplit groups of rows, drawn by chance from their names, judge; of the others some validate.

    Parts hold at least their share of the rows, by whole groups. The group is the independent unit of intervals.

    Example:

    >>> GroupSplit(by="patient").test
    0.2
    """

    by: str
    """The column that says to which group a row belongs."""
    test: float = 0.2
    """Share of the rows."""
    validation: float = 0.2
    """Share of the other rows."""
    seed: int = 0

    kind: ClassVar[str] = "group"

    def __post_init__(self) -> None:
        for name in ("test", "validation"):
            check_share(name, getattr(self, name), "GroupSplit")

    @property
    def blocks_are(self) -> BlocksAre:
        """Rows of one group hang together."""
        return "groups"

    def reads(self, spine: Spine) -> str | None:
        """The column `by`."""
        return self.by

    def split(
        self,
        time: Microseconds,
        known_at: Microseconds,
        outcomes: Floats,
        *,
        task: Task,
        until: int | None = None,
        horizon: timedelta = timedelta(0),
        labels: Labels | None = None,
    ) -> Split:
        """See `SplitRule.split`.

        Raises:
            ProjectError: rows name no group, or a part is empty or cannot teach or judge.
        """
        where = f"GroupSplit(by={self.by!r})"
        names, codes = groups_of(labels, self.by, where)
        drawn, sizes = by_chance(names, self.seed), np.bincount(codes)
        tested = taken_to(drawn, sizes, self.test)
        validates = np.zeros(len(names), dtype=bool)
        validates[~tested] = taken_to(~drawn[~tested], sizes[~tested], self.validation)
        rows = {"test": tested, "train": ~tested, "fit": ~tested & ~validates, "validation": validates}
        parts = {name: np.flatnonzero(groups[codes]) for name, groups in rows.items()}
        for name, groups in rows.items():
            hint = (
                f"there are {counted(len(names), 'group')}, {int(groups.sum()):,} of them in this part:"
                " collect more, or"
            )
            check_part(task, name, outcomes[parts[name]], where, f"{hint} let the parts be larger shares")
        return Split(**parts)  # type: ignore[arg-type]

    def blocks(self, time: Microseconds, labels: Labels | None) -> Codes:
        """Each group is one.

        Raises:
            ProjectError: rows name no group.
        """
        return groups_of(labels, self.by, f"GroupSplit(by={self.by!r})")[1]
