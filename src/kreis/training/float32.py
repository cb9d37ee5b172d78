"""Doubles as float32 that decide alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from kreis.models.scoring import Matrix

__all__ = ["float32_at_most"]


def float32_at_most(doubles: np.ndarray[Any, np.dtype[np.float64]]) -> Matrix:
    """The largest float32 that is not above each double, shape (n,)."""
    with np.errstate(over="ignore"):
        nearest = doubles.astype(np.float32)
        above = nearest.astype(np.float64) > doubles
        rounded: Matrix = np.where(above, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    return rounded
