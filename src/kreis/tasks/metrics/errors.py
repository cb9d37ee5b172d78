"""How far numbers are from what happened: of the decisions, which are what is acted on."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Metric, RatioMetric, Rows

__all__ = ["Bias", "MeanAbsoluteError", "MeanDecision", "MeanOutcome", "RSquared", "RootMeanSquaredError"]

_ANY = -math.inf, math.inf


class MeanAbsoluteError(RatioMetric):
    """The mean distance of decision and outcome."""

    name = "mean_absolute_error"
    better = "lower"
    bounds = (0.0, math.inf)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The distance; one."""
        return np.abs(rows.decisions - rows.outcomes), np.ones(len(rows))


class RootMeanSquaredError(Metric):
    """The root of the mean squared distance of decision and outcome."""

    name = "root_mean_squared_error"
    better = "lower"
    bounds = (0.0, math.inf)

    def value(self, rows: Rows) -> float:
        """The root; NaN of no rows."""
        return math.sqrt(float(np.mean((rows.decisions - rows.outcomes) ** 2))) if len(rows) else math.nan

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, by the derivative of the root, shape (n,)."""
        squares = (rows.decisions - rows.outcomes) ** 2
        root = self.value(rows)
        influence: Floats = np.zeros(len(rows)) if not root > 0 else (squares - root**2) / (2 * root * len(rows))
        return influence

    def weights(self, rows: Rows) -> Floats:
        """All alike."""
        return np.ones(len(rows))


class RSquared(Metric):
    """The share of the outcomes' variance that decisions tell: 1 less the mean squared distance over the variance."""

    name = "r_squared"
    better = "higher"
    bounds = (-math.inf, 1.0)

    def value(self, rows: Rows) -> float:
        """The share; NaN where all outcomes are the same, or there are none."""
        missed, spread = self._parts(rows)
        return 1 - float(missed.mean()) / float(spread.mean()) if spread.sum() > 0 else math.nan

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, by the derivative of the ratio, shape (n,)."""
        missed, spread = self._parts(rows)
        if not spread.sum() > 0:
            return np.zeros(len(rows))
        share = missed.mean() / spread.mean()
        influence: Floats = (share * spread - missed) / spread.sum()
        return influence

    def weights(self, rows: Rows) -> Floats:
        """All alike."""
        return np.ones(len(rows))

    @staticmethod
    def _parts(rows: Rows) -> tuple[Floats, Floats]:
        if not len(rows):
            return np.zeros(0), np.zeros(0)
        return (rows.decisions - rows.outcomes) ** 2, (rows.outcomes - rows.outcomes.mean()) ** 2


class Bias(RatioMetric):
    """By how much decisions are above outcomes, on average: of a metric that punishes one side more, not 0."""

    name = "bias"
    better = "neither"
    bounds = _ANY

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Decision less outcome; one."""
        return (rows.decisions - rows.outcomes).astype(np.float64), np.ones(len(rows))


class MeanOutcome(RatioMetric):
    """What happened on average."""

    name = "mean_outcome"
    better = "neither"
    bounds = _ANY

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The outcome; one."""
        return rows.outcomes.astype(np.float64), np.ones(len(rows))


class MeanDecision(RatioMetric):
    """What was decided on average."""

    name = "mean_decision"
    better = "neither"
    bounds = _ANY

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The decision; one."""
        return rows.decisions.astype(np.float64), np.ones(len(rows))
