"""Splits by what is given: the rows of a file of their own judge."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.task import Task
from kreis.training.data import Microseconds
from kreis.training.splits.at_random import parted
from kreis.training.splits.split import Labels, Split, UsualSplit, by_chance, check_share, kinds_of

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = ["PART", "GivenTest"]

PART = "given_part"
"""The column that says which part a row belongs to: "test", or anything else."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenTest(UsualSplit):
    """The rows of a test file judge; of the others a share, drawn by chance, validates, each kind of outcome alike.

    Example:

    >>> GivenTest().by
    'given_part'
    """

    validation: float = 0.2
    """Share of the rows that do not judge."""
    by: str = PART
    """The column whose value "test" says that a row judges."""
    seed: int = 0

    kind: ClassVar[str] = "given"

    def __post_init__(self) -> None:
        check_share("validation", self.validation, "GivenTest")

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
            ProjectError: no parts are given, or one is empty or cannot teach or judge.
        """
        if labels is None:
            raise ProjectError(f"rows come without {self.by!r}", where="GivenTest", hint="project.rows(…, test=FILE)")
        drawn, kinds = by_chance(np.arange(len(outcomes)), self.seed), kinds_of(outcomes, task)
        test = np.flatnonzero(labels == "test")
        return parted(drawn, kinds, outcomes, task, test=test, validation=self.validation, where="GivenTest")
