"""How well clusters are set apart, and how large they are: of distances, since nothing else is known."""

from __future__ import annotations

import math

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.metrics.yes_no import Share

__all__ = ["ClusterShare", "MeanDistance", "Separation", "separations"]


def separations(scores: Floats) -> Floats:
    """The simplified silhouette of each row, from its distances to the centres, shape (n,), for (n, k).

    By how much the nearest centre is nearer than the second, relative to the second (Hruschka, de Castro and Campello
    2004): 0 halfway between two centres, 1 at a centre; 0 where there is but one. In place of all pairs of rows it
    looks at centres alone: nothing has to be sampled, and each row has a value of its own.
    """
    if scores.ndim == 1 or scores.shape[1] < 2:
        return np.zeros(len(scores))
    nearest = np.partition(scores.astype(np.float64), 1, axis=1)
    own, second = nearest[:, 0], nearest[:, 1]
    return np.divide(second - own, second, out=np.zeros(len(scores)), where=second > 0)


class Separation(RatioMetric):
    """The mean simplified silhouette."""

    name = "value"
    better = "higher"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The row's; one."""
        return separations(rows.scores), np.ones(len(rows))


class MeanDistance(RatioMetric):
    """The mean distance to the nearest centre: it falls with each further cluster."""

    name = "distance"
    better = "lower"
    bounds = (0.0, math.inf)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The distance; one."""
        nearest = rows.scores if rows.scores.ndim == 1 else rows.scores.min(axis=1)
        return nearest.astype(np.float64), np.ones(len(rows))


class ClusterShare(Share):
    """The share of the rows that the largest cluster holds, or the smallest; 0 where one holds none."""

    better = "neither"

    def __init__(self, *, largest: bool) -> None:
        """Of the largest, or the smallest."""
        self.name = "largest_cluster" if largest else "smallest_cluster"  # type: ignore[misc]
        self._choose = np.argmax if largest else np.argmin

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Whether the row is in it; one."""
        count = 1 if rows.scores.ndim == 1 else rows.scores.shape[1]
        sizes = np.bincount(rows.decisions.astype(np.intp) - 1, minlength=count)
        return (rows.decisions == self._choose(sizes) + 1).astype(np.float64), np.ones(len(rows))
