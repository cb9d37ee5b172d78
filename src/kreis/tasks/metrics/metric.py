"""What a metric is: a value on rows, and each row's influence on it, from which intervals are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.tasks.metrics.coming import Coming

__all__ = ["Better", "Metric", "RatioMetric", "Rows", "ratio_influence", "ratio_value"]

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Predictions whose outcome is known; all arrays have shape (n,). A task says what is in them."""

    outcomes: npt.NDArray[Any]
    scores: Floats
    """The model's raw outputs."""
    decisions: npt.NDArray[Any]
    groups: Codes | None = None
    """For metrics across groups: each row's group, 0..k-1; -1 where it belongs to none."""
    climate: float | None = None
    """How much neighbouring days are alike in what happens on them, if more days than these could tell."""
    reference: Floats | None = None
    """What the first baseline decided."""
    spans: Floats | None = None
    """When each row was asked about and when it was over, shape (n, 2), where rows share what happens to them."""
    blocks_are: str = "days"
    """What is independent of each other: "days", which come in an order, "groups" or "rows"."""
    repeats: int = 1
    """How often each row comes, the repeats of all one after another: in a repeated cross-validation."""
    own_outcomes: bool = False
    """Whether what happens depends on the model: then another model's rows have others."""
    coming: Coming | None = None
    """How fast further rows come by themselves; None: nobody knows."""

    evidence_is: ClassVar[str] = ""
    """What the rows of `evidence` are, in words: "with the rarer outcome"; empty where they are all rows."""

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def evidence(self) -> Booleans:
        """The rows that a metric rests on unless it says otherwise, shape (n,): all of them."""
        return np.ones(len(self), dtype=bool)

    @property
    def once(self) -> Self:
        """Each row once: what is counted."""
        if self.repeats == 1:
            return self
        return replace(self.where(np.arange(len(self)) < len(self) // self.repeats), repeats=1)

    def where(self, mask: Booleans) -> Self:
        """The rows that the mask keeps."""
        groups = None if self.groups is None else self.groups[mask]
        reference, spans = (None if each is None else each[mask] for each in (self.reference, self.spans))
        arrays = {name: getattr(self, name)[mask] for name in ("outcomes", "scores", "decisions")}
        return replace(self, **arrays, groups=groups, reference=reference, spans=spans)


class Metric(ABC):
    """A number about predictions with known outcomes."""

    name: ClassVar[str]
    """As written in a goal."""
    better: ClassVar[Better]
    """Which way it improves."""
    rests_on: ClassVar[str | None] = None
    """What the rows of `counting` are, in words; None where they are the rows' own `evidence`."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it can be; infinite where nothing bounds it."""

    @abstractmethod
    def value(self, rows: Rows) -> float:
        """The metric; NaN where it is undefined (a recall without positives)."""

    @abstractmethod
    def influence(self, rows: Rows) -> Floats:
        """First-order contribution of each row, shape (n,), summing to 0.

        The infinitesimal jackknife (Efron 1982, chapter 6): the metric's sampling error is close to the
        sum of these, so sums by block give a variance that holds when rows of a block move together.
        """

    def weights(self, rows: Rows) -> Floats | None:
        """What each row weighs in the metric, shape (n,); None where all weigh alike."""
        return None

    def counting(self, rows: Rows) -> Booleans:
        """The rows that it rests on, shape (n,): too few of them decide nothing."""
        return rows.evidence

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """What the mere number of rows allows, where few are of the rarer kind; None where there are enough."""
        return None

    def excess(self, rows: Rows, blocks: Codes) -> float:
        """By how much noise alone raises the value at most: its interval reaches down by that."""
        return 0.0


class RatioMetric(Metric):
    """A metric that is one sum over rows divided by another."""

    @abstractmethod
    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Numerator and denominator of each row, both of shape (n,)."""

    def value(self, rows: Rows) -> float:
        """Sum over sum; NaN where the denominator is 0."""
        return ratio_value(*self.terms(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return ratio_influence(*self.terms(rows))

    def weights(self, rows: Rows) -> Floats | None:
        """The denominator of each row."""
        return self.terms(rows)[1]


def ratio_value(numerator: Floats, denominator: Floats) -> float:
    """Sum over sum; NaN where the denominator is 0."""
    below = float(denominator.sum())
    return float(numerator.sum()) / below if below > 0 else float("nan")


def ratio_influence(numerator: Floats, denominator: Floats) -> Floats:
    """What each row contributes to the ratio's error (linearisation; Cochran 1977, section 6.3)."""
    below = float(denominator.sum())
    if below <= 0:
        return np.zeros(len(numerator))
    influence: Floats = (numerator - numerator.sum() / below * denominator) / below
    return influence
