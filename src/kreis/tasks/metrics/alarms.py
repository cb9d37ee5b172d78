"""Answers about what is unusual: of some rows somebody looked into them, of most nobody did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.tasks.metrics.metric import Better, Metric, Rows
from kreis.tasks.metrics.yes_no import DecidedShare, YesNoRows, rarer_outcome

__all__ = ["AlarmRate", "AlarmRows", "AveragePrecision", "OfKnown", "RightAlarms"]


@dataclass(frozen=True, eq=False)
class AlarmRows(Rows):
    """Outcomes are 1, 0, or NaN where not known; decisions are booleans."""

    evidence_is: ClassVar[str] = "with the rarer outcome"

    @property
    def known(self) -> Booleans:
        """Whose outcome is known, shape (n,)."""
        known: Booleans = ~np.isnan(self.outcomes)
        return known

    @property
    def evidence(self) -> Booleans:
        """The rows with the outcome that occurs less often among the known ones."""
        known = self.known
        found = np.zeros(len(self), dtype=bool)
        found[known] = rarer_outcome(self.outcomes[known] > 0.5)
        return found

    @property
    def judged(self) -> YesNoRows:
        """The rows whose outcome is known, as yes and no."""
        known = self.known
        groups = None if self.groups is None else self.groups[known]
        more: dict[str, Any] = {"groups": groups, "climate": self.climate, "blocks_are": self.blocks_are}
        return YesNoRows(self.outcomes[known] > 0.5, self.scores[known], self.decisions[known], **more)


class OfKnown(Metric):
    """A metric of yes and no, over the rows whose outcome is known."""

    def __init__(self, metric: Metric) -> None:
        """Of `metric` as it stands."""
        self._metric = metric
        self.name: str = metric.name  # type: ignore[misc]
        self.better: Better = metric.better  # type: ignore[misc]
        self.rests_on: str | None = metric.rests_on  # type: ignore[misc]

    @property
    def bounds(self) -> tuple[float, float]:
        """Its own."""
        return self._metric.bounds

    def value(self, rows: Rows) -> float:
        """NaN where no outcome is known."""
        judged = _judged(rows)
        return self._metric.value(judged) if len(judged) else float("nan")

    def influence(self, rows: Rows) -> Floats:
        """None of rows whose outcome is not known."""
        judged = _judged(rows)
        return _spread(rows, self._metric.influence(judged) if len(judged) else np.zeros(0))

    def weights(self, rows: Rows) -> Floats | None:
        """None of rows whose outcome is not known."""
        judged = _judged(rows)
        weights = self._metric.weights(judged)
        return _spread(rows, np.ones(len(judged)) if weights is None else weights)

    def counting(self, rows: Rows) -> Booleans:
        """Those of the known rows that it rests on."""
        return _spread(rows, self._metric.counting(_judged(rows)).astype(np.float64)) > 0

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """By the number of known rows."""
        return self._metric.count_bounds(_judged(rows), level)


class RightAlarms(DecidedShare):
    """Of the rows whose outcome is known, those that are rightly alarmed or rightly left alone."""

    name = "accuracy"
    better = "higher"
    rests_on = ""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Whether it is right; whether anybody knows."""
        known = ~np.isnan(rows.outcomes)
        return (known & (rows.decisions == rows.outcomes)).astype(np.float64), known.astype(np.float64)


class AlarmRate(DecidedShare):
    """Alarms over rows, whether or not anybody knows what they were."""

    name = "alarm_rate"
    better = "neither"
    rests_on = ""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Alarmed; one."""
        return rows.decisions.astype(np.float64), np.ones(len(rows))


class AveragePrecision(Metric):
    """The mean, over what happened, of the precision among all that is scored as high or higher.

    It is the area under the precision-recall curve without interpolation (Davis and Goadrich 2006): of rare outcomes it
    says more than an AUC.
    """

    name = "average_precision"
    better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The mean precision; NaN where nothing happened."""
        found = _precisions(rows)
        return float(found[rows.outcomes].mean()) if rows.outcomes.any() else float("nan")

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, by the derivative of the mean in the row's weight, shape (n,)."""
        happened = rows.outcomes
        positives = int(happened.sum())
        if not positives:
            return np.zeros(len(rows))
        rank, above, hits = _counts(rows)
        own = _precisions(rows)
        # A row of more weight moves the precision hits / above of its own place and of each lower one.
        at_place = np.bincount(rank, weights=happened, minlength=len(above))
        moved = np.cumsum(at_place / above)[rank] * happened - np.cumsum(at_place * hits / above**2)[rank]
        influence: Floats = (happened * (own - own[happened].mean()) + moved) / positives
        return influence

    def weights(self, rows: Rows) -> Floats:
        """One for each row of the rarer outcome."""
        return rows.evidence.astype(np.float64)


def _counts(rows: Rows) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats, Floats]:
    """Each row's place in the order of the scores, lowest first; of each place the rows and hits from there on."""
    _, rank, counts = np.unique(rows.scores, return_inverse=True, return_counts=True)
    hits = np.bincount(rank, weights=rows.outcomes, minlength=len(counts))
    return rank.astype(np.int64), counts[::-1].cumsum()[::-1].astype(np.float64), hits[::-1].cumsum()[::-1]


def _precisions(rows: Rows) -> Floats:
    """Of each row the precision among all that are scored as high or higher, shape (n,)."""
    rank, above, hits = _counts(rows)
    found: Floats = (hits / above)[rank]
    return found


def _judged(rows: Rows) -> YesNoRows:
    return rows.judged if isinstance(rows, AlarmRows) else YesNoRows(rows.outcomes, rows.scores, rows.decisions)


def _spread(rows: Rows, values: Floats) -> Floats:
    """Values of the known rows among all rows, 0 elsewhere, shape (n,)."""
    found = np.zeros(len(rows))
    found[~np.isnan(rows.outcomes)] = values
    return found
