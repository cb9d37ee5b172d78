"""What turns a probability into one that is truer, as data: it was found on rows that the model had not seen."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["ENDS", "CalibrationMap", "LogOdds", "Table", "is_line"]

ENDS = 1e-7, 1 - 1e-5
"""Probabilities beyond count as these, so that logarithms are finite in float32."""
_Floats = npt.NDArray[np.float64]


class LogOdds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="map", tag="log_odds"):
    """Log-odds of `of_yes` ln p - `of_no` ln(1 - p) + `offset`: Platt scaling where both are one (Platt 1999), beta
    calibration where they differ (Kull, Silva Filho and Flach 2017).
    """

    of_yes: float
    of_no: float
    offset: float

    def apply(self, scores: npt.NDArray[np.floating]) -> _Floats:
        """Truer probabilities, shape (n,)."""
        given = scores.astype(np.float64).clip(*ENDS)
        odds = self.of_yes * np.log(given) - self.of_no * np.log1p(-given) + self.offset
        found: _Floats = 1 / (1 + np.exp(-odds))
        return found


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="map", tag="table"):
    """Straight lines between points; beyond the ends what holds there."""

    at: tuple[float, ...]
    """Probabilities, ascending."""
    says: tuple[float, ...]
    """What they become."""

    def apply(self, scores: npt.NDArray[np.floating]) -> _Floats:
        """Truer probabilities, shape (n,)."""
        found: _Floats = np.interp(scores.astype(np.float64), self.at, self.says)
        return found


CalibrationMap: TypeAlias = LogOdds | Table


def is_line(truer: CalibrationMap) -> bool:
    """Whether it is a line through the log-odds: then a sum of log-odds stays one."""
    return isinstance(truer, LogOdds) and truer.of_yes == truer.of_no
