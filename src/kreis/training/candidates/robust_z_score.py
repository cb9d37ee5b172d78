"""How unusual a row is by the simplest rule: how far its strangest feature lies from that feature's median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.models.form import Onnx
from kreis.models.scoring import Matrix
from kreis.tasks.task import Loss
from kreis.training.candidate import LINEAR, Fitted, Outcomes, UsualCandidate
from kreis.training.candidates.standardised import medians_of
from kreis.training.graph import finish_graph
from kreis.training.nodes import Nodes

__all__ = ["RobustZScore"]

_MOST = 1e6
"""A score beyond this says no more."""


@dataclass(frozen=True)
class RobustZScore(UsualCandidate):
    """The largest modified z-score of a row's features (Iglewicz and Hoaglin 1993, chapter 3).

    That is the distance from the median in units of 1.4826 median absolute deviations: 3.5 and more are commonly called
    an outlier. It asks for no outcomes; a missing value is not unusual.

    Example:

    >>> RobustZScore().parameters()
    {'kind': 'robust_z_score'}
    """

    kind: ClassVar[str] = "robust_z_score"
    side_by_side: ClassVar[bool] = True
    complexity: ClassVar[int] = LINEAR
    encode: ClassVar[str] = "one-hot"

    def fit(
        self,
        matrix: Matrix,
        outcomes: Outcomes,
        features: Sequence[str],
        *,
        loss: Loss,
        seed: int,
        threads: int,
        groups: Codes | None = None,
    ) -> Fitted:
        """Take medians and deviations; outcomes are not looked at."""
        absent = ~np.isfinite(matrix)
        medians = medians_of(matrix, absent)
        weights = [_weight(matrix[~absent[:, place], place] - medians[place]) for place in range(matrix.shape[1])]
        return Fitted(form=Onnx.of(_graph(medians, np.array(weights))), features=tuple(features))


def _weight(distances: Matrix) -> float:
    """What one unit of distance counts: by the median distance, by the mean where more than half are 0; none if all."""
    apart = np.abs(distances.astype(np.float64))
    if not len(apart) or apart.max() == 0:
        return 0.0
    middle = float(np.median(apart))
    return 1 / (1.4826 * middle) if middle > 0 else 1 / (1.2533 * float(apart.mean()))


def _graph(medians: Matrix, weights: Floats) -> bytes:
    """The largest |x - median| times weight, missing values aside, and no more than `_MOST`."""
    graph = Nodes()
    median, weight, most = graph.constant(medians), graph.constant(weights), graph.constant(_MOST)
    filled, _ = graph.filled("x", median)
    apart = graph.node("Abs", graph.node("Mul", graph.node("Sub", filled, median), weight))
    score = graph.node("Min", graph.node("ReduceMax", apart, axes=[1], keepdims=0), most)
    return finish_graph(graph.nodes, graph.constants, "x", len(medians), {"": 17}, score=score)
