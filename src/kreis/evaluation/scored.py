"""A model's scores on the test rows, as evaluation takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.decisions import Decision, Scores
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.task import Task

__all__ = ["Scored"]


@dataclass(frozen=True, eq=False)
class Scored:
    """What a model said about each test row."""

    name: str
    scores: Scores
    """Its raw outputs, shape (n,) or (n, k), float32 or float64."""
    decision: Decision
    digest: str | None = None
    folds: Sequence[tuple[int, Decision]] = ()
    """Of a cross-validation: for how many of the rows, one after another, which fold's decision holds."""
    groups: Codes | None = None
    """Which rows are decided among each other, shape (n,), where the decision asks for that."""
    outcomes: Floats | None = None
    """What came of its own decisions, shape (n,), where that depends on the model; None: what comes of all."""

    def rows(self, outcomes: npt.ArrayLike, task: Task) -> Rows:
        """With what happened.

        Args:
            outcomes: Known ones, shape (n,), of all models that have none of their own.
            task: Says what scores and outcomes may be.

        Raises:
            ProjectError: there are more or fewer outcomes than scores, or one of either is none.
        """
        known = np.asarray(outcomes if self.outcomes is None else self.outcomes, dtype=np.float64)
        if len(known) != len(self.scores):
            raise ProjectError(f"{len(self.scores)} scores but {len(known)} outcomes", where=self.name)
        if not self.folds:
            return task.rows(known, self.scores, self.decision.among(self.groups), where=self.name)
        parts, begin = [], 0
        for count, decision in self.folds:
            part = slice(begin, begin + count)
            groups = None if self.groups is None else self.groups[part]
            parts.append(task.rows(known[part], self.scores[part], decision.among(groups), where=self.name))
            begin += count
        arrays = [each.name for each in fields(parts[0])]
        names = [name for name in arrays if isinstance(getattr(parts[0], name), np.ndarray)]
        joined: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in parts]) for name in names}
        return replace(parts[0], **joined)
