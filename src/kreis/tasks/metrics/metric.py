"""What a metric is: a value on rows, and each row's influence on it, from which intervals are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Better", "Booleans", "Codes", "Floats", "Metric", "RatioMetric", "Rows"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Predictions whose outcome is known; all arrays have shape (n,)."""

    outcomes: Booleans
    scores: Floats
    """Probabilities in [0, 1]."""
    decisions: Booleans
    groups: Codes | None = None
    """For metrics across groups: each row's group, 0..k-1; -1 where it belongs to none."""
    climate: float | None = None
    """How much neighbouring days are alike in what happens on them, if more days than these could tell."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def where(self, mask: Booleans) -> Rows:
        """The rows that the mask keeps."""
        groups = None if self.groups is None else self.groups[mask]
        return Rows(self.outcomes[mask], self.scores[mask], self.decisions[mask], groups, self.climate)

    def seen_from_the_other_side(self) -> Rows:
        """The same rows with "no" as the positive side of outcomes, scores and decisions."""
        return replace(self, outcomes=~self.outcomes, scores=1 - self.scores, decisions=~self.decisions)


@runtime_checkable
class Metric(Protocol):
    """A number about predictions with known outcomes."""

    @property
    def name(self) -> str:
        """As written in a goal."""
        ...

    @property
    def better(self) -> Better:
        """Which way it improves."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it can be."""
        ...

    def value(self, rows: Rows) -> float:
        """The metric; NaN where it is undefined (a recall without positives)."""
        ...

    def influence(self, rows: Rows) -> Floats:
        """First-order contribution of each row, shape (n,), summing to 0.

        The infinitesimal jackknife (Efron 1982, chapter 6): the metric's sampling error is close to the
        sum of these, so sums by block give a variance that holds when rows of a block move together.
        """
        ...


@runtime_checkable
class RatioMetric(Metric, Protocol):
    """A metric that is one sum over rows divided by another."""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Numerator and denominator of each row, both of shape (n,)."""
        ...
