"""The calibration line: the logistic regression of what happened on the log-odds of what was said (Cox 1958; Van
Calster et al. 2019). Probabilities that are right have slope 1 and intercept 0.

Both are M-estimators: a row's influence is its score equation, through the inverse of the information matrix.
"""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["CalibrationIntercept", "CalibrationSlope", "logistic"]

_ENDS = 1e-6
"""Probabilities nearer to 0 or 1 count as this near: their log-odds are finite."""
_STEPS, _CLOSE = 50, 1e-12
_FAR = 1e3
"""A slope beyond this is that of outcomes that scores part without fail: it has no finite value."""


def _log_odds(scores: Floats) -> Floats:
    within = scores.clip(_ENDS, 1 - _ENDS)
    found: Floats = np.log(within / (1 - within))
    return found


def logistic(design: Floats, offset: Floats, outcomes: Floats) -> tuple[Floats, Floats]:
    """Coefficients, shape (p,), and influence values, shape (n, p), of a logistic regression; NaN if it has none.

    Args:
        design: Shape (n, p).
        offset: What is added to the log-odds of each row, shape (n,).
        outcomes: Shape (n,), from 0 to 1.
    """
    found: Floats = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-(offset + design @ found)))
        information = design.T @ (design * (said * (1 - said))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (outcomes - said))
        except np.linalg.LinAlgError:
            break
        found = (found + step).astype(np.float64)
        if np.abs(found).max() > _FAR:
            break
        if np.abs(step).max() < _CLOSE * max(1.0, float(np.abs(found).max())):
            influence: Floats = np.linalg.solve(information, (design * (outcomes - said)[:, None]).T).T.astype(
                np.float64
            )
            return found, influence
    return np.full(design.shape[1], math.nan), np.zeros_like(design)


class CalibrationSlope(Metric):
    """By how much log-odds of what happens grow with those that were said: below 1, probabilities are too extreme;
    above, too near to each other.
    """

    name = "calibration_slope"
    better = "neither"
    bounds = (-math.inf, math.inf)

    def value(self, rows: Rows) -> float:
        """The slope; NaN where scores are all alike or part the outcomes without fail."""
        return float(self._fitted(rows)[0][1])

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        found: Floats = self._fitted(rows)[1][:, 1]
        return found

    def _fitted(self, rows: Rows) -> tuple[Floats, Floats]:
        design = np.column_stack([np.ones(len(rows)), _log_odds(rows.scores)])
        return logistic(design, np.zeros(len(rows)), rows.outcomes.astype(np.float64))


class CalibrationIntercept(Metric):
    """By how much log-odds of what happens lie above those that were said, all over (slope 1): above 0 it happens more
    often than was said.
    """

    name = "calibration_intercept"
    better = "neither"
    bounds = (-math.inf, math.inf)

    def value(self, rows: Rows) -> float:
        """The intercept; NaN where all or none happened."""
        return float(self._fitted(rows)[0][0])

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        found: Floats = self._fitted(rows)[1][:, 0]
        return found

    def _fitted(self, rows: Rows) -> tuple[Floats, Floats]:
        return logistic(np.ones((len(rows), 1)), _log_odds(rows.scores), rows.outcomes.astype(np.float64))
