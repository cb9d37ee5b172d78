"""Probabilities of classes at another temperature: surer below 1, less sure above."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Floats

__all__ = ["at_temperature"]


def at_temperature(scores: np.ndarray[tuple[int, ...], np.dtype[np.floating]], temperature: float) -> Floats:
    """Each to the power of its inverse, and so that they sum to 1 again; shape (n, k).

    >>> import numpy as np
    >>> at_temperature(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    with np.errstate(divide="ignore"):
        logits = np.log(scores.astype(np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    tempered: Floats = powers / powers.sum(axis=1, keepdims=True)
    return tempered
