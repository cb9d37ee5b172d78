"""A model's scores on the test rows, as evaluation takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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

    def rows(self, outcomes: npt.ArrayLike, task: Task) -> Rows:
        """With what happened.

        Args:
            outcomes: Known ones, shape (n,).
            task: Says what scores and outcomes may be.

        Raises:
            ProjectError: there are more or fewer outcomes than scores, or one of either is none.
        """
        known = np.asarray(outcomes, dtype=np.float64)
        if len(known) != len(self.scores):
            raise ProjectError(f"{len(self.scores)} scores but {len(known)} outcomes", where=self.name)
        return task.rows(known, self.scores, self.decision, where=self.name)
