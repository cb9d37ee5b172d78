"""Logistic regression on standardised features, with medians for missing values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.training.candidate import Fitted, Matrix, Outcomes, changed, require, two_classes

__all__ = ["Logistic"]

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Logistic:
    """Logistic regression with an L2 penalty.

    A missing or infinite value becomes the median of its feature; a feature that is ever missing in the training rows
    also gets an indicator of that.
    """

    side_by_side: ClassVar[bool] = False  # threads of BLAS and warnings are set for the whole process
    c: float = 1.0
    """Inverse of the penalty's strength (scikit-learn's C)."""
    indicators: bool = True
    """Whether that a value is missing may itself count."""
    iterations: int = 200
    """At most so many steps of Newton's method; four to ten are usual."""

    def __post_init__(self) -> None:
        require(self.c > 0, f"c must be positive, not {self.c}", where="Logistic")
        require(self.iterations >= 1, f"iterations must be at least 1, not {self.iterations}", where="Logistic")

    def parameters(self) -> dict[str, Any]:
        """Its fields."""
        return {"kind": "logistic", **dataclasses.asdict(self)}

    def with_parameters(self, **values: Any) -> Logistic:
        """A copy with some fields changed."""
        return changed(self, values)

    def fit(self, matrix: Matrix, outcomes: Outcomes, features: Sequence[str], *, seed: int, threads: int) -> Fitted:
        """Learn by scikit-learn, then write the few operations down as ONNX.

        Newton's method, by Cholesky: features are few against rows, and indicators that are nearly the same (of views
        of one entity) take L-BFGS hundreds of steps.

        skl2onnx 1.20 cannot convert `SimpleImputer(add_indicator=True)` (it mistakes the width), so the graph is
        built here.
        """
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        two_classes(outcomes, where="Logistic")
        absent = ~np.isfinite(matrix)
        medians = _medians(matrix, absent)
        filled = np.where(absent, medians, matrix).astype(np.float64)
        means, deviations = filled.mean(axis=0), filled.std(axis=0)
        deviations[deviations <= 1e-12 * np.maximum(1.0, np.abs(means))] = np.inf
        filled -= means
        filled /= deviations
        flagged = (
            np.flatnonzero(absent.any(axis=0) & ~absent.all(axis=0)) if self.indicators else np.empty(0, dtype=np.intp)
        )
        design = np.concatenate([filled, absent[:, flagged]], axis=1)
        with threadpool_limits(1):  # tall and narrow: more BLAS threads only wait for each other
            model = LogisticRegression(
                C=self.c, solver="newton-cholesky", max_iter=self.iterations, tol=1e-6, random_state=seed
            )
            _fit_quietly(model, design, outcomes)
        width = len(features)
        weights, flags = model.coef_[0, :width] / deviations, np.zeros(width)
        flags[flagged] = model.coef_[0, width:]
        centres = means.astype(np.float32)
        # What rounding the means to float32 moves is put back into the intercept, in double precision.
        intercept = float(model.intercept_[0] + ((centres.astype(np.float64) - means) * weights).sum())
        return Fitted(kind="onnx", features=tuple(features), onnx=_graph(medians, centres, weights, flags, intercept))


def _medians(matrix: Matrix, absent: npt.NDArray[np.bool_]) -> Matrix:
    medians = np.zeros(matrix.shape[1], dtype=np.float32)
    for place in range(matrix.shape[1]):
        present = matrix[~absent[:, place], place]
        if present.size:
            medians[place] = np.median(present.astype(np.float64))
    return medians


def _fit_quietly(model: Any, design: Floats, outcomes: Outcomes) -> None:
    import warnings

    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A matrix that Cholesky cannot factor goes to L-BFGS, by scikit-learn.
        warnings.simplefilter("ignore", LinAlgWarning)
        # Stopping at `iterations` is a declared parameter; validation judges the result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, outcomes)


def _graph(medians: Matrix, centres: Matrix, weights: Floats, flags: Floats, intercept: float) -> bytes:
    """sigmoid((where(x missing, median, x) - centre) @ weights + missing @ flags + intercept)."""
    from onnx import helper, numpy_helper

    from kreis.training.graph import finish_graph

    def constant(name: str, values: npt.ArrayLike) -> Any:
        return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)

    node = helper.make_node
    nodes = [
        # x - x is 0, or NaN where x is NaN or infinite.
        node("Sub", ["x", "x"], ["nought"]),
        node("IsNaN", ["nought"], ["missing"]),
        node("Where", ["missing", "medians", "x"], ["filled"]),
        node("Sub", ["filled", "centres"], ["centred"]),
        node("MatMul", ["centred", "weights"], ["linear"]),
    ]
    constants = [
        constant("medians", medians),
        constant("centres", centres),
        constant("weights", weights),
        constant("intercept", intercept),
    ]
    if flags.any():
        nodes += [
            node("Cast", ["missing"], ["indicator"], to=1),
            node("MatMul", ["indicator", "flags"], ["flagged"]),
            node("Add", ["linear", "flagged"], ["both"]),
        ]
        constants.append(constant("flags", flags))
    nodes += [
        node("Add", ["both" if flags.any() else "linear", "intercept"], ["logit"]),
        node("Sigmoid", ["logit"], ["score"]),
    ]
    return finish_graph(nodes, constants, "x", len(medians), {"": 17})
