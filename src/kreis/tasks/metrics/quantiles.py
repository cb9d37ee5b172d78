"""How good quantiles are: each by itself, and the range between the outermost two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.metrics.yes_no import Share

__all__ = ["Coverage", "PinballLoss", "Width"]


@dataclass(frozen=True)
class PinballLoss(RatioMetric):
    """The mean over the quantiles of what an error costs that is asked for at each level (Koenker and Bassett 1978)."""

    levels: tuple[float, ...]
    """Of the columns of the scores."""
    name = "pinball_loss"
    better = "lower"
    bounds = (0.0, math.inf)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The mean cost over the levels; one."""
        under = rows.outcomes[:, None] - rows.scores
        costs = np.maximum(np.array(self.levels) * under, (np.array(self.levels) - 1) * under)
        return costs.mean(axis=1), np.ones(len(rows))


class Coverage(Share):
    """The share of outcomes between the outermost quantiles: of 0.1 and 0.9 four in five, if they are right."""

    name = "coverage"
    better = "neither"
    rests_on = ""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Whether it does; one."""
        inside = (rows.scores[:, 0] <= rows.outcomes) & (rows.outcomes <= rows.scores[:, -1])
        return inside.astype(np.float64), np.ones(len(rows))

    def counting(self, rows: Rows) -> Booleans:
        """All rows."""
        return np.ones(len(rows), dtype=bool)


class Width(RatioMetric):
    """The mean distance of the outermost quantiles."""

    name = "width"
    better = "lower"
    bounds = (0.0, math.inf)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The distance; one."""
        return rows.scores[:, -1] - rows.scores[:, 0], np.ones(len(rows))
