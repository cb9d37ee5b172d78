"""Answers to a question with several classes, as its metrics take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.metrics.metric import Rows

__all__ = ["ClassRows", "of_classes"]

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ClassRows(Rows):
    """Outcomes and decisions are the numbers of classes, scores the probability of each class, shape (n, k)."""

    evidence_is: ClassVar[str] = "of other classes than the most frequent one"
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    """Of the classes, shape (k,), in the order of the scores."""

    @property
    def evidence(self) -> Booleans:
        """The rows with another outcome than the most frequent one: 1,000 rows with two others say as little as two."""
        happened = self.happened
        frequent: Booleans = happened == np.bincount(happened, minlength=len(self.numbers)).argmax()
        return ~frequent

    @property
    def happened(self) -> Places:
        """The place of each row's outcome among the classes, shape (n,)."""
        return _places(self.outcomes, self.numbers)

    @property
    def chosen(self) -> Places:
        """The place of each row's decision among the classes, shape (n,)."""
        return _places(self.decisions, self.numbers)

    @property
    def right(self) -> Booleans:
        """Where the decision is what happened, shape (n,)."""
        right: Booleans = self.outcomes == self.decisions
        return right


def of_classes(rows: Rows) -> ClassRows:
    """Rows that are of classes.

    Raises:
        ProjectError: they are not.
    """
    if not isinstance(rows, ClassRows):
        raise ProjectError("the metric is one of classes, and these rows have none", where="metric")
    return rows


def _places(given: Floats, numbers: Floats) -> Places:
    order = np.argsort(numbers)
    found: Places = order[np.searchsorted(numbers[order], given)]
    return found
