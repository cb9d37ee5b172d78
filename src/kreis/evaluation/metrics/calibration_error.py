"""How far the probabilities are from the frequencies."""

from __future__ import annotations

import numpy as np

from kreis.evaluation.metrics.metric import Better, Codes, Floats, Rows

__all__ = ["CalibrationError", "reliability"]

_BINS = 10


class CalibrationError:
    """Expected calibration error over ten bins of equally many rows (Naeini, Cooper and Hauskrecht 2015).

    The plug-in value errs to the high side by about sqrt(bins / n); its interval is first-order and ignores that.
    """

    name = "calibration_error"
    better: Better = "lower"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """Mean distance of frequency and score over the bins."""
        if not len(rows):
            return float("nan")
        return float(np.abs(_gaps(rows, _bins(rows.scores))).sum() / len(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,), the signs of the bins' gaps held fixed."""
        bins = _bins(rows.scores)
        gaps = _gaps(rows, bins)
        signed = np.sign(gaps)[bins] * (rows.outcomes - rows.scores)
        influence: Floats = (signed - np.abs(gaps).sum() / len(rows)) / len(rows)
        return influence


def _bins(scores: Floats) -> Codes:
    """Each row's bin; equal scores always share one."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, scores, side="left").astype(np.int64)


def _gaps(rows: Rows, bins: Codes) -> Floats:
    gaps: Floats = np.bincount(bins, weights=rows.outcomes - rows.scores).astype(np.float64)
    return gaps


def reliability(rows: Rows) -> list[dict[str, float]]:
    """The reliability diagram as data: per bin the rows, the mean score and the frequency."""
    bins = _bins(rows.scores)
    counts = np.bincount(bins)
    score = np.bincount(bins, weights=rows.scores)
    happened = np.bincount(bins, weights=rows.outcomes)
    return [
        {"rows": float(counts[b]), "score": float(score[b] / counts[b]), "frequency": float(happened[b] / counts[b])}
        for b in np.flatnonzero(counts)
    ]
