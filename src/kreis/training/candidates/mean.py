"""The mean of what happened, or how often each class did: the least that a model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.expressions.tree import Literal
from kreis.models.form import Formula, Onnx
from kreis.tasks.task import Loss
from kreis.training.candidate import CONSTANT, Fitted, Matrix, Outcomes, UsualCandidate, varied

__all__ = ["Mean"]


@dataclass(frozen=True)
class Mean(UsualCandidate):
    """Answers the same for all: the mean of the training outcomes, of yes and no, classes or labels their frequencies,
    and quantiles where those are asked for.

    How it decides is chosen on the validation rows, as of any model: of numbers, it is the constant that costs least.

    Example:

    >>> Mean().parameters()
    {'kind': 'mean'}
    """

    kind: ClassVar[str] = "mean"
    side_by_side: ClassVar[bool] = True
    several: ClassVar[bool] = True
    """It gives as many numbers as are asked for."""
    complexity: ClassVar[int] = CONSTANT
    encode: ClassVar[None] = None  # it learns nothing of categories

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
        weights: Floats | None = None,
    ) -> Fitted:
        """Take the mean."""
        varied(outcomes, where="Mean")
        if loss.outputs > 1:
            from kreis.training.graph import constant_score

            content = constant_score(_numbers(outcomes, loss, weights), len(features))
            return Fitted(form=Onnx.of(content), features=tuple(features))
        mean = float(np.average(outcomes.astype(np.float64), weights=weights))
        return Fitted(form=Formula(expression=Literal(mean), missing=mean), features=tuple(features))


def _numbers(outcomes: Outcomes, loss: Loss, weights: Floats | None) -> list[float]:
    """How often each class or label occurs, or the quantiles."""
    if outcomes.dtype.kind == "f":
        if weights is None:
            found = np.quantile(outcomes, loss.levels)
        else:
            found = np.quantile(outcomes, loss.levels, method="inverted_cdf", weights=weights)
    elif outcomes.ndim == 2:
        found = np.average(outcomes.astype(np.float64), axis=0, weights=weights)
    else:
        found = np.bincount(outcomes, weights, minlength=loss.outputs)
        found = found / found.sum()
    numbers: list[float] = found.tolist()
    return numbers
