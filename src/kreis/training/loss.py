"""How far scores are from what happened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["log_loss"]


def log_loss(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> float:
    """The mean negative log-likelihood of outcomes, shape (n,), with scores kept 1e-7 away from 0 and 1."""
    given = np.clip(np.asarray(scores, dtype=np.float64), 1e-7, 1 - 1e-7)
    return float(-np.log(np.where(np.asarray(outcomes, dtype=bool), given, 1 - given)).mean())
