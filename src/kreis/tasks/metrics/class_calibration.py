"""How far the probabilities of the chosen classes are from how often they are right."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.tasks.metrics.calibration_error import CalibrationError, reliability
from kreis.tasks.metrics.classes import of_classes
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["ClassCalibrationError", "class_reliability"]


class ClassCalibrationError(Metric):
    """The calibration error of one yes/no question: is the chosen class right, with the probability that it was given?

    ("Confidence calibration": Guo et al. 2017, equation 5.)
    """

    name = "calibration_error"
    better = "lower"
    bounds = (0.0, 1.0)

    def value(self, rows: Rows) -> float:
        """Mean distance of frequency and probability over the bins."""
        return CalibrationError().value(_chosen(rows))

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,)."""
        return CalibrationError().influence(_chosen(rows))

    def excess(self, rows: Rows, blocks: Codes) -> float:
        """By how much noise raises the value of probabilities that are right on average."""
        return CalibrationError().excess(_chosen(rows), blocks)


def class_reliability(rows: Rows) -> list[dict[str, float]]:
    """The reliability diagram of the chosen classes as data."""
    return reliability(_chosen(rows)) if len(rows) else []


def _chosen(rows: Rows) -> YesNoRows:
    given = of_classes(rows)
    said = np.take_along_axis(given.scores, given.chosen[:, None], axis=1)[:, 0]
    return YesNoRows(given.right, said, given.right)
