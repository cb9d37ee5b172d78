"""How far the probabilities are from the frequencies."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.reliability import bins_of, diagram

__all__ = ["CalibrationError", "bins_by_score", "reliability"]

_BINS, _LEAST_IN_BIN = 10, 10


class CalibrationError(Metric):
    """Expected calibration error over ten bins of equally many rows (Naeini, Cooper and Hauskrecht 2015).

    There are fewer bins where fewer than ten rows of the rarer outcome would fall into each. Noise alone makes the
    value greater than 0: `excess` says by how much at most, and its interval reaches down by that.
    """

    name = "calibration_error"
    better = "lower"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """Mean distance of frequency and score over the bins."""
        if not len(rows):
            return float("nan")
        return float(np.abs(_gaps(rows, bins_by_score(rows))).sum() / len(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,), the signs of the bins' gaps held fixed."""
        bins = bins_by_score(rows)
        gaps = _gaps(rows, bins)
        signed = np.sign(gaps)[bins] * (rows.outcomes - rows.scores)
        influence: Floats = (signed - np.abs(gaps).sum() / len(rows)) / len(rows)
        return influence

    def excess(self, rows: Rows, blocks: Codes) -> float:
        """By how much noise raises the value of scores that are right on average: the mean of |N(0, s)| of each bin."""
        bins, days = bins_by_score(rows), int(blocks.max()) + 1
        cells = (int(bins.max()) + 1) * days
        gaps = np.bincount(bins * days + blocks, weights=rows.outcomes - rows.scores, minlength=cells)
        by_day = gaps.reshape(-1, days)
        deviations = np.sqrt(((by_day - by_day.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
        return float(math.sqrt(2 / math.pi) * deviations.sum() / len(rows))


def bins_by_score(rows: Rows) -> Codes:
    """Each row's bin; equal scores always share one."""
    positives = int(rows.outcomes.sum())
    return bins_of(rows.scores, max(min(_BINS, min(positives, len(rows) - positives) // _LEAST_IN_BIN), 1))


def _gaps(rows: Rows, bins: Codes) -> Floats:
    gaps: Floats = np.bincount(bins, weights=rows.outcomes - rows.scores).astype(np.float64)
    return gaps


def reliability(rows: Rows) -> list[dict[str, float]]:
    """The reliability diagram as data: per bin the rows, the mean score and the frequency."""
    return diagram(rows.scores, rows.outcomes, bins_by_score(rows))
