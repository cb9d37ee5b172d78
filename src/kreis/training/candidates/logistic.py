"""Logistic regression on standardised features, with medians for missing values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.models.explanations.additive import NEVER
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.training.candidate import LINEAR, Fitted, Matrix, Outcomes, UsualCandidate, needs_classes, require
from kreis.training.candidates.standardised import standardise
from kreis.training.encoders.encoder import ColumnKind

__all__ = ["Logistic"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Logistic(UsualCandidate):
    """Logistic regression with an L2 penalty; of several classes multinomial.

    A missing or infinite value becomes the median of its feature; a feature that is ever missing in the training rows
    also gets an indicator of that.

    Example:

    >>> Logistic(c=0.5).with_parameters(c=2.0).c
    2.0
    """

    kind: ClassVar[str] = "logistic"
    side_by_side: ClassVar[bool] = False  # threads of BLAS and warnings are set for the whole process
    complexity: ClassVar[int] = LINEAR
    encode: ClassVar[str] = "one-hot"
    c: float = 1.0
    """Inverse of the penalty's strength (scikit-learn's C)."""
    indicators: bool = True
    """Whether that a value is missing may itself count."""
    iterations: int = 200
    """At most so many steps of Newton's method; four to ten are usual."""

    def __post_init__(self) -> None:
        require(self.c > 0, f"c must be positive, not {self.c}", where="Logistic")
        require(self.iterations >= 1, f"iterations must be at least 1, not {self.iterations}", where="Logistic")

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
        kinds: Sequence[ColumnKind] = (),
        weights: Floats | None = None,
    ) -> Fitted:
        """Learn by scikit-learn, then write the few operations down as ONNX.

        Newton's method, by Cholesky: features are few against rows, and indicators that are nearly the same (of views
        of one entity) take L-BFGS hundreds of steps. By L-BFGS where there are words, which are many.
        """
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        needs_classes(outcomes, where="Logistic", hint="take Linear(), or GradientBoosting()")
        given = standardise(matrix, indicators=self.indicators, kinds=kinds)
        wide = given.design.shape[1] * loss.outputs > _NEWTON_AT_MOST
        with threadpool_limits(1):  # tall and narrow: more BLAS threads only wait for each other
            model = LogisticRegression(
                C=self.c,
                solver="lbfgs" if wide or "word" in kinds else "newton-cholesky",
                max_iter=self.iterations,
                tol=1e-6,
                random_state=seed,
            )
            _fit_quietly(model, given.design, outcomes, weights)
        if loss.outputs == 1:
            found = model.coef_[0], model.intercept_[0]
            content = given.to_onnx(*found, link="Sigmoid")
        else:
            found = _of_all_classes(model, loss.outputs)
            content = given.to_onnx(*found, link="Softmax")
        explains = partial(given.additive, *found, features, link="sigmoid" if loss.outputs == 1 else "softmax")
        return Fitted(form=Onnx.of(content), features=tuple(features), explains=explains)


_NEWTON_AT_MOST = 2_000
"""Coefficients, beyond which a Newton step takes longer than it saves."""


def _of_all_classes(model: Any, count: int) -> tuple[Floats, Floats]:
    """Coefficients, shape (d, k), and intercepts of all classes, of which the model may have seen some."""
    weights, intercepts = model.coef_, model.intercept_
    if len(weights) == 1:  # two classes: the logit of the second
        weights, intercepts = np.concatenate([0 * weights, weights]), np.concatenate([0 * intercepts, intercepts])
    coefficients, base = np.zeros((weights.shape[1], count)), np.full(count, NEVER)
    coefficients[:, model.classes_], base[model.classes_] = weights.T, intercepts
    return coefficients, base


def _fit_quietly(model: Any, design: Any, outcomes: Outcomes, weights: Floats | None) -> None:
    import warnings

    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A matrix that Cholesky cannot factor goes to L-BFGS, by scikit-learn.
        warnings.simplefilter("ignore", LinAlgWarning)
        # Stopping at `iterations` is a declared parameter; validation judges the result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, outcomes, sample_weight=weights)
