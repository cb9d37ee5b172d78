"""Rows that may carry several labels, as metrics take them; and yes/no metrics over all labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.metrics.metric import Better, Metric, RatioMetric, Rows
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["LabelRows", "OverLabels", "PooledLabels", "bits_of"]


def bits_of(numbers: Floats, count: int) -> Booleans:
    """Which labels a number stands for, shape (n, count); none where it is not known."""
    whole = np.nan_to_num(numbers).astype(np.int64)
    bits: Booleans = (whole[:, None] >> np.arange(count)) & 1 == 1
    return bits


@dataclass(frozen=True, eq=False)
class LabelRows(Rows):
    """Outcomes and decisions are numbers that stand for sets of labels, scores the probability of each label, shape
    (n, k).
    """

    evidence_is: ClassVar[str] = "with other labels than the most frequent ones"

    @property
    def evidence(self) -> Booleans:
        """The rows with other labels than the most frequent set of them."""
        _, places, counts = np.unique(self.outcomes, return_inverse=True, return_counts=True)
        if not len(counts):
            return np.zeros(0, dtype=bool)
        frequent: Booleans = places == counts.argmax()
        return ~frequent

    def labels(self) -> Iterator[YesNoRows]:
        """The rows of each label by itself: is it carried, and was it given?"""
        count = self.scores.shape[1]
        carried, given = bits_of(self.outcomes, count), bits_of(self.decisions, count)
        for place in range(count):
            yield YesNoRows(carried[:, place], self.scores[:, place], given[:, place])


@dataclass(frozen=True)
class _OfLabels(Metric):
    """A yes/no metric of labels, under another name."""

    metric: Metric
    name: str  # type: ignore[misc]

    @property
    def better(self) -> Better:  # type: ignore[override]
        """As for each label."""
        return self.metric.better

    @property
    def bounds(self) -> tuple[float, float]:
        """As for each label."""
        return self.metric.bounds


@dataclass(frozen=True)
class OverLabels(_OfLabels):
    """The mean of a yes/no metric over the labels for which it is defined: every label counts alike ("macro")."""

    def value(self, rows: Rows) -> float:
        """The mean; NaN where it is defined for none."""
        found = [value for value, _ in self._defined(rows)]
        return float(np.mean(found)) if found else float("nan")

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        found = [self.metric.influence(label) for _, label in self._defined(rows)]
        influence: Floats = np.mean(found, axis=0) if found else np.zeros(len(rows))
        return influence

    def excess(self, rows: Rows, blocks: Codes) -> float:
        """By how much noise raises the value."""
        found = [self.metric.excess(label, blocks) for _, label in self._defined(rows)]
        return float(np.mean(found)) if found else 0.0

    def _defined(self, rows: Rows) -> list[tuple[float, YesNoRows]]:
        found = [(self.metric.value(label), label) for label in _of_labels(rows).labels()]
        return [(value, label) for value, label in found if not np.isnan(value)]


@dataclass(frozen=True)
class PooledLabels(_OfLabels, RatioMetric):
    """A yes/no share of all labels of all rows together: every label of every row counts alike ("micro")."""

    metric: RatioMetric

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Those of all labels of a row."""
        found = [self.metric.terms(label) for label in _of_labels(rows).labels()]
        above, below = np.sum([each[0] for each in found], axis=0), np.sum([each[1] for each in found], axis=0)
        return above.astype(np.float64), below.astype(np.float64)


def _of_labels(rows: Rows) -> LabelRows:
    if not isinstance(rows, LabelRows):
        raise ProjectError("the metric is one of labels, and these rows have none", where="metric")
    return rows
