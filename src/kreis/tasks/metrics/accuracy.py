"""How often the decision is what happened."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import DecidedShare

__all__ = ["Accuracy", "SubsetAccuracy"]


class Accuracy(DecidedShare):
    """The share of rows whose decision is what happened; of the rows of one class, that class's recall."""

    name = "accuracy"
    better = "higher"
    rests_on = ""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Whether it is; one."""
        return (rows.decisions == rows.outcomes).astype(np.float64), np.ones(len(rows))


class SubsetAccuracy(Accuracy):
    """The share of rows of which all labels are right."""

    name = "subset_accuracy"
