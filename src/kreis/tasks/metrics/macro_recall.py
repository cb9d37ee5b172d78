"""How many of each class are found, every class alike."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.tasks.metrics.classes import of_classes
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["MacroRecall"]


class MacroRecall(Metric):
    """The mean, over the classes that occur, of the share of a class that is decided as such ("balanced accuracy")."""

    name = "macro_recall"
    better = "higher"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """The mean; NaN of no rows."""
        recalls = self._recalls(rows)[0]
        return float(recalls.mean()) if len(recalls) else float("nan")

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error: to that of its class's recall, divided by the classes; shape (n,)."""
        recalls, counts, places = self._recalls(rows)
        if not len(recalls):
            return np.zeros(len(rows))
        influence: Floats = (of_classes(rows).right - recalls[places]) / counts[places] / len(recalls)
        return influence

    def _recalls(self, rows: Rows) -> tuple[Floats, Floats, Codes]:
        """Of each class that occurs its recall and its rows, and each row's class among these."""
        given = of_classes(rows)
        _, places, counts = np.unique(given.happened, return_inverse=True, return_counts=True)
        hits = np.bincount(places, weights=given.right, minlength=len(counts))
        return hits / counts, counts.astype(np.float64), places.astype(np.int64)
