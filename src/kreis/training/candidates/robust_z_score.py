"""How unusual a row is by the simplest rule: how far its strangest feature lies from that feature's median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.models.form import Onnx
from kreis.models.scoring import Matrix
from kreis.tasks.task import Loss
from kreis.training.candidate import LINEAR, Fitted, Outcomes
from kreis.training.candidates.standardised import medians_of

__all__ = ["RobustZScore"]

_MOST = 1e6
"""A score beyond this says no more."""


class RobustZScore:
    """The largest modified z-score of a row's features (Iglewicz and Hoaglin 1993, chapter 3).

    That is the distance from the median in units of 1.4826 median absolute deviations: 3.5 and more are commonly called
    an outlier. It asks for no outcomes; a missing value is not unusual.

    Example:

    >>> RobustZScore().parameters()
    {'kind': 'robust_z_score'}
    """

    side_by_side: ClassVar[bool] = True
    complexity: ClassVar[int] = LINEAR
    encode: ClassVar[str] = "one-hot"

    def parameters(self) -> dict[str, Any]:
        """Nothing but its kind."""
        return {"kind": "robust_z_score"}

    def with_parameters(self, **values: Any) -> RobustZScore:
        """It has nothing to change.

        Raises:
            ProjectError: a parameter is given.
        """
        for name in values:
            raise ProjectError.unknown_name("parameter", name, [], where="RobustZScore")
        return self

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
    from onnx import helper, numpy_helper

    from kreis.training.graph import finish_graph

    node = helper.make_node
    nodes = [
        node("Sub", ["x", "x"], ["nought"]),  # 0, or NaN where x is NaN or infinite
        node("IsNaN", ["nought"], ["missing"]),
        node("Where", ["missing", "medians", "x"], ["filled"]),
        node("Sub", ["filled", "medians"], ["signed"]),
        node("Mul", ["signed", "weights"], ["scaled"]),
        node("Abs", ["scaled"], ["apart"]),
        node("ReduceMax", ["apart"], ["largest"], axes=[1], keepdims=0),
        node("Min", ["largest", "most"], ["score"]),
    ]
    values = {"medians": medians, "weights": weights.astype(np.float32), "most": np.float32(_MOST)}
    constants = [numpy_helper.from_array(np.asarray(each, dtype=np.float32), name) for name, each in values.items()]
    return finish_graph(nodes, constants, "x", len(medians), {"": 17})
