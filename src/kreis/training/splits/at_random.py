"""Splits by chance: for rows that have no order and hang together with no others."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.tasks.task import Task
from kreis.training.data import Indices, Microseconds
from kreis.training.splits.split import (
    Labels,
    Split,
    UsualSplit,
    by_chance,
    check_part,
    check_share,
    kinds_of,
    least_of_each,
)

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = ["RandomSplit", "parted"]

_HINT = "collect more rows, or let the part be a larger share"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomSplit(UsualSplit):
    """A share of the rows, drawn by chance from their ids, judges; of the others a share validates.

    The same rows with the same seed always part alike, and a row that stays in the data stays, but for few, in its
    part when others come. Stratified, each part has each kind of outcome as often: each class, or of numbers each
    tenth.

    Example:

    >>> RandomSplit(test=0.25).validation
    0.2
    """

    test: float = 0.2
    """Share of the rows."""
    validation: float = 0.2
    """Share of the other rows."""
    stratified: bool = True
    seed: int = 0

    kind: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        for name in ("test", "validation"):
            check_share(name, getattr(self, name), "RandomSplit")

    def reads(self, spine: Spine) -> str | None:
        """The rows' ids."""
        return spine.id

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
        """See `SplitRule.split`; without ids the rows' places are drawn."""
        drawn = by_chance(np.arange(len(outcomes)) if labels is None else labels, self.seed)
        kinds = kinds_of(outcomes, task) if self.stratified else np.zeros(len(outcomes), dtype=np.int64)
        return parted(drawn, kinds, outcomes, task, test=self.test, validation=self.validation, where="RandomSplit")


def parted(
    drawn: Any, kinds: Codes, outcomes: Floats, task: Task, *, test: float | Indices, validation: float, where: str
) -> Split:
    """Of each kind of rows those that drew least judge, and of the others those that drew most validate.

    Args:
        drawn: What each row drew, shape (n,).
        kinds: Of what kind each is, shape (n,).
        outcomes: What happened, shape (n,).
        task: Says whether a part can teach or judge.
        test: The share that judges, or which rows do.
        validation: The share of the others that validates.
        where: For messages.

    Raises:
        ProjectError: a part is empty, or cannot teach or judge.
    """
    tested = np.zeros(len(outcomes), dtype=bool)
    if isinstance(test, float):
        tested = least_of_each(drawn, kinds, test)
    else:
        tested[test] = True
    train = np.flatnonzero(~tested)
    validates = least_of_each(~drawn[train], kinds[train], validation)
    parts = {
        "test": np.flatnonzero(tested),
        "train": train,
        "fit": train[~validates],
        "validation": train[validates],
    }
    for name, rows in parts.items():
        check_part(task, name, outcomes[rows], where, _HINT)
    return Split(**parts)  # type: ignore[arg-type]
