"""A model's scores on the test rows, as evaluation takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.tasks.metrics.metric import Booleans, Rows

__all__ = ["Scored", "known_outcomes"]


@dataclass(frozen=True, eq=False)
class Scored:
    """What a model said about each test row.

    Raises:
        ProjectError: a score is not a probability, or the threshold is not a number.
    """

    name: str
    scores: npt.NDArray[np.floating]
    """Probabilities, shape (n,), float32 or float64."""
    threshold: float
    """Decide positively where score >= threshold."""
    digest: str | None = None

    def __post_init__(self) -> None:
        bad = ~((self.scores >= 0) & (self.scores <= 1))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ProjectError(
                f"{int(bad.sum())} scores are no probabilities, the first in row {row}: {self.scores[row]}",
                where=self.name,
                hint="scores lie between 0 and 1 and are never missing",
            )
        if np.isnan(self.threshold):
            raise ProjectError("the threshold is not a number", where=self.name)

    def rows(self, outcomes: Booleans) -> Rows:
        """With what happened.

        Raises:
            ProjectError: there are more or fewer outcomes than scores.
        """
        if len(outcomes) != len(self.scores):
            raise ProjectError(f"{len(self.scores)} scores but {len(outcomes)} outcomes", where=self.name)
        scores = self.scores.astype(np.float64)  # as the service compares: float32 scores, a float64 threshold
        return Rows(outcomes, scores, scores >= self.threshold)


def known_outcomes(outcomes: npt.ArrayLike) -> Booleans:
    """Outcomes as yes and no, shape (n,).

    Raises:
        ProjectError: one is unknown, or neither 0 nor 1.
    """
    values = np.asarray(outcomes, dtype=np.float64)
    bad = ~np.isin(values, (0.0, 1.0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ProjectError(
            f"{int(bad.sum())} outcomes are neither 0 nor 1, the first in row {row}: {values[row]}",
            hint="evaluate only on rows whose outcome is known",
        )
    happened: Booleans = values > 0.5
    return happened
