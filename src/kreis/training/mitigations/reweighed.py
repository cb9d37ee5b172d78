"""Rows weighed so that what happened hangs together with no group (Kamiran and Calders 2012, section 4.1.2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.task import Labels, Task
from kreis.training.data import TrainingData
from kreis.training.mitigations.mitigation import Favourable, check_because

__all__ = ["Reweighed", "reweighing"]


class Reweighed(msgspec.Struct, frozen=True, kw_only=True):
    """Weigh the rows that teach so that, by weight, each outcome is equally frequent in all groups.

    A group's rows with an outcome that is rarer in it than elsewhere weigh more. The group is needed in training only:
    nobody is asked for it in the service.

    Example:

    >>> Reweighed(by="sex", because="women were granted loans 0.6 times as often").columns
    ('sex',)
    """

    by: str | tuple[str, ...]
    """The column, or columns, that say the group: of `judge_by`."""
    because: str
    """Why."""
    strength: float = 1.0
    """1 weighs fully, 0 not at all."""

    def __post_init__(self) -> None:
        check_because(self.because, where="Reweighed")
        if not 0 < self.strength <= 1:
            message = f"strength is {self.strength}"
            raise ProjectError(message, where="Reweighed", hint="above 0, and 1 to weigh fully")

    @property
    def parameters(self) -> dict[str, Any]:
        """Its fields."""
        return {"kind": "reweighed", **msgspec.to_builtins(self)}

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the group."""
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    def for_goal(self, favourable: Favourable | None) -> Reweighed:
        """As it is: weights know no good outcome."""
        return self

    def check(self, task: Task, features: Collection[str], categories: Collection[str]) -> None:
        """See that outcomes are classes.

        Args:
            task: What is asked.
            features: Not looked at.
            categories: Not looked at.

        Raises:
            ProjectError: they are none.
        """
        none = task.labels(np.empty(0))
        if none.ndim != 1 or none.dtype.kind not in "bi":
            raise ProjectError("rows are weighed by outcomes that are classes", where="Reweighed")

    def weights(self, rows: TrainingData, labels: Labels) -> Floats:
        """What rows weigh, shape (n,).

        Args:
            rows: Those that teach.
            labels: Their outcomes as trainers take them.

        Raises:
            ProjectError: the rows have no such column.
        """
        for name in self.columns:
            if name not in rows.columns:
                raise ProjectError.unknown_name("column", name, rows.columns, where="Reweighed")
        together = np.stack([rows.columns[name].astype(str) for name in self.columns], axis=1)
        _, groups = np.unique(together, axis=0, return_inverse=True)
        return 1 + self.strength * (reweighing(groups.reshape(-1), labels) - 1)


def reweighing(groups: Labels, labels: Labels) -> Floats:
    """How often a group's outcome would come if the two had nothing to do with each other, over how often it does.

    Args:
        groups: Each row's group as a code 0..k-1, shape (n,).
        labels: Each row's outcome: a boolean, or the place of a class, shape (n,).
    """
    places = labels.astype(np.intp)
    width = int(places.max(initial=0)) + 1
    cells = groups * width + places
    of_group, of_label = np.bincount(groups), np.bincount(places, minlength=width)
    both = np.bincount(cells, minlength=len(of_group) * width)
    found: Floats = of_group[groups] * of_label[places] / (both[cells] * len(places))
    return found
