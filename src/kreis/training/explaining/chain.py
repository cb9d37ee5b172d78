"""A plain network from what a trainer made: affine layers and what bends between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from kreis.arrays import Floats
from kreis.models.explanations.layers import MOST_WEIGHTS, Activation, Layers

__all__ = ["Step", "chained"]

Step: TypeAlias = tuple[Floats, Floats] | Activation
"""Weights, shape (in, out), or (in,) where each unit is weighed by itself, and what is added; or what bends."""


def chained(
    steps: Sequence[Step], *, means: Floats, deviations: Floats | None = None, furthest: float = math.inf
) -> Layers | None:
    """The network of some steps; None where it is too large to be kept.

    Args:
        steps: In order; the last one's numbers are the sums.
        means: Where the way begins, shape (w,).
        deviations: What a column's distance from its mean is divided by; 1, if not given.
        furthest: Where that is cut.
    """
    weights: list[Floats] = []
    biases: list[Floats] = []
    bends: list[Activation] = []
    pending: tuple[Floats, Floats] | None = None
    width = len(means)
    for step in steps:
        if isinstance(step, str):
            by, plus = pending or (np.eye(width), np.zeros(width))
            weights, biases, bends, pending = [*weights, by], [*biases, plus], [*bends, step], None
            continue
        matrix, added = (each.astype(np.float64) for each in step)
        if pending is None:
            pending = (np.diag(matrix) if matrix.ndim == 1 else matrix), added
        elif matrix.ndim == 1:
            pending = pending[0] * matrix, pending[1] * matrix + added
        else:
            pending = pending[0] @ matrix, pending[1] @ matrix + added
        width = len(added)
    by, plus = pending or (np.eye(width), np.zeros(width))
    weights, biases = [*weights, by], [*biases, plus]
    if sum(each.size for each in weights) > MOST_WEIGHTS:
        return None
    return Layers(
        means=means,
        deviations=np.ones(len(means)) if deviations is None else deviations,
        furthest=furthest,
        weights=tuple(weights),
        biases=tuple(biases),
        bends=tuple(bends),
    )
