"""The chance that what happens is scored above what does not."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.tasks.metrics.counts import FEW, area_interval
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["Auc", "area", "area_of_pairs"]


class Auc(Metric):
    """Area under the ROC curve, ties counting half (Mann and Whitney 1947)."""

    name = "auc"
    better = "higher"
    bounds = (0.0, 1.0)

    def weights(self, rows: Rows) -> Floats:
        """One for each row of the rarer outcome."""
        return rows.evidence.astype(np.float64)

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """The interval of the counts, where fewer than 50 rows are of one outcome."""
        positives = int(rows.outcomes.sum())
        negatives = len(rows) - positives
        if min(positives, negatives) >= FEW:
            return None
        return area_interval(self.value(rows), positives, negatives, level=level)

    def value(self, rows: Rows) -> float:
        """The area; NaN unless both outcomes occur."""
        return area(rows.scores, rows.outcomes)

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,).

        Placement values less the area (DeLong, DeLong and Clarke-Pearson 1988); summed by block they give
        the variance of Obuchowski 1997 for clustered data.
        """
        positives = rows.outcomes
        count = int(positives.sum())
        if count in (0, len(rows)):
            return np.zeros(len(rows))
        placements = _placements(rows.scores, positives)
        area = placements[positives].mean()
        influence: Floats = (placements - area) / np.where(positives, count, len(rows) - count)
        return influence


def area(scores: Floats, positives: Booleans) -> float:
    """The area, of scores and whether it happened, both of shape (n,); NaN unless both outcomes occur."""
    if int(positives.sum()) in (0, len(positives)):
        return float("nan")
    return float(_placements(scores, positives)[positives].mean())


def area_of_pairs(values: Floats, outcomes: Floats) -> float:
    """How well a number parts two kinds of outcomes, on average over each two (Hand and Till 2001), by their rows.

    The area, or its complement, whichever is larger; of the twelve most frequent kinds. 0.5 where there is one.
    """
    _, places, counts = np.unique(outcomes, return_inverse=True, return_counts=True)
    total, weight = 0.0, 0.0
    for one, other in combinations(np.argsort(-counts, kind="stable")[:_COMPARED].tolist(), 2):
        mask = (places == one) | (places == other)
        found, rows = area(values[mask], places[mask] == one), float(counts[one]) * float(counts[other])
        total, weight = total + max(found, 1 - found) * rows, weight + rows
    return total / weight if weight else 0.5


_COMPARED = 12


def _placements(scores: Floats, positives: Booleans) -> Floats:
    """For each row, the share of the other class that it is ordered rightly against; one sort."""
    _, rank, counts = np.unique(scores, return_inverse=True, return_counts=True)
    positive = np.bincount(rank, weights=positives, minlength=len(counts))
    negative = counts - positive
    below = np.cumsum(negative) - negative / 2
    above = positive.sum() - np.cumsum(positive) + positive / 2
    placements: Floats = np.where(positives, below[rank] / negative.sum(), above[rank] / positive.sum())
    return placements
