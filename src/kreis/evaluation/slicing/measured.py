"""What slices are compared by: a number of each row, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.blocks import as_blocks
from kreis.evaluation.examinations.examination import Subject
from kreis.tasks.metrics.accuracy import Accuracy
from kreis.tasks.metrics.alarms import AlarmRows, RightAlarms
from kreis.tasks.metrics.metric import Metric, RatioMetric, Rows
from kreis.tasks.metrics.ranked import RankedRows
from kreis.tasks.task import metric_named
from kreis.texts import number

__all__ = ["Measured", "measured", "row_metric", "validated"]

_Kind = TypeVar("_Kind", bound=np.generic)
_MOST_ROWS = 200_000
_DAY = 86_400_000_000
"""Microseconds."""
_PREFERRED = ("accuracy", "subset_accuracy", "correctness", "mean_absolute_error", "ndcg", "value")
_SAID = {
    "accuracy": "{} are right",
    "subset_accuracy": "{} are right in all their labels",
    "correctness": "{} are answered rightly",
}


@dataclass(frozen=True, eq=False)
class Measured:
    """Rows that a metric counts, m of them."""

    metric: Metric
    unit: str
    places: npt.NDArray[np.intp]
    """Where they stand among all n rows, shape (m,)."""
    of: int
    """How many the metric counts, of which these may be an even sample."""
    rows: Rows
    """They."""
    blocks: Codes
    """Which of them belong together, shape (m,)."""
    values: Floats
    """The metric of each, shape (m,): its mean is the metric."""

    @property
    def losses(self) -> Floats:
        """The same so that greater is worse, shape (m,)."""
        return -self.values if self.metric.better == "higher" else self.values

    def told(self, inside: Booleans) -> tuple[float, float]:
        """The metric of some of the rows, and of all others."""
        return float(self.values[inside].mean()), float(self.values[~inside].mean())

    def said(self, inside: Booleans) -> str:
        """The same in words: "61% are right; elsewhere 84%"."""
        within, others = self.told(inside)
        if self.metric.name in _SAID:
            return f"{_SAID[self.metric.name].format(f'{within:.0%}')}; elsewhere {others:.0%}"
        unit = f" {self.unit}" if self.metric.name == "value" else ""
        return f"the {self.name} is {number(within)}{unit}; elsewhere {number(others)}"

    @property
    def name(self) -> str:
        """The metric in words."""
        return {"ndcg": "NDCG"}.get(self.metric.name, self.metric.name.replace("_", " "))

    def column(self, values: npt.NDArray[_Kind], rows: Rows) -> npt.NDArray[_Kind] | None:
        """A column of all n rows for these. Where each stands for a group of rows, it must be alike in all of them;
        None if it is not.
        """
        if isinstance(rows, RankedRows):
            filled = np.nan_to_num(values.astype(np.float64), nan=-np.inf)
            first = np.zeros(int(rows.of.max()) + 1)
            first[rows.of] = filled
            if (first[rows.of] != filled).any():
                return None
        return values[self.places]


def row_metric(subject: Subject, name: str | None, *, where: str) -> Metric:
    """The metric by which rows are compared: a named one, else the plainest that the task has.

    Raises:
        ProjectError: the task has no such metric.
    """
    if name is not None and name != "accuracy":
        return metric_named(name, subject.task, where=where)
    rows = subject.rows
    if rows.decisions.dtype == np.bool_ and rows.outcomes.dtype == np.bool_:
        return Accuracy()
    if isinstance(rows, AlarmRows):
        return RightAlarms()
    known = {each.name: each for each in subject.task.metrics}
    return next((known[each] for each in _PREFERRED if each in known), subject.task.metrics[0])


def measured(metric: Metric, subject: Subject) -> Measured | None:
    """The rows that a metric counts, at most 200,000 of them; None where it is no mean over rows that weigh alike."""
    if not isinstance(metric, RatioMetric) and not isinstance(subject.rows, RankedRows):
        return None
    weights, whole = metric.weights(subject.rows), metric.value(subject.rows)
    if weights is None or np.isnan(whole):
        return None
    counted = np.flatnonzero(weights > 0)
    if np.ptp(weights[counted]) > 1e-12:
        return None
    places = (
        counted if len(counted) <= _MOST_ROWS else counted[np.linspace(0, len(counted) - 1, _MOST_ROWS).astype(int)]
    )
    values = (whole + metric.influence(subject.rows) * len(counted))[places]
    taken = np.zeros(len(weights), dtype=bool)
    taken[places] = True
    blocks = as_blocks(subject.blocks[places])
    return Measured(metric, subject.goal.metric.unit, places, len(counted), subject.rows.where(taken), blocks, values)


def validated(subject: Subject) -> tuple[Subject, npt.NDArray[np.intp]] | None:
    """The same model on its validation rows, and which of these they are: those whose outcome is known. By scores of
    what had not learned from them; None where there are no such rows that are no rows that judge.
    """
    behind = subject.features
    if behind is None or behind.split.folds or behind.trained.validation_scores is None:
        return None
    data = behind.validation
    known = np.arange(len(data))
    if subject.task.needs_outcomes:
        known = np.flatnonzero(~np.isnan(data.outcomes).reshape(len(data), -1).any(axis=1))
    if not len(known):
        return None
    scores = subject.task.answers(behind.trained.validation_scores.array())[known]
    decision = behind.trained.decision.among(None if data.groups is None else data.groups[known])
    rows = subject.task.rows(data.outcomes[known], scores, decision, where=subject.name)
    days = behind.split.validation_blocks
    blocks = as_blocks((data.time // _DAY if days is None else days)[known])
    rows = replace(rows, blocks_are=subject.rows.blocks_are)
    return replace(subject, rows=rows, blocks=blocks), known
