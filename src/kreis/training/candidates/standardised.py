"""Features as linear models take them: standardised, medians for missing values; and such a model as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.additive import Link as SumLink
from kreis.models.explanations.weights import Weights
from kreis.training.candidate import Matrix
from kreis.training.encoders.encoder import ColumnKind
from kreis.training.graph import finish_graph
from kreis.training.nodes import Nodes

__all__ = ["Link", "Standardised", "medians_of", "standardise"]

Link: TypeAlias = Literal["Sigmoid", "Softmax"] | None
"""The operator that turns numbers into probabilities."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Standardised:
    """Rows as a linear model takes them, and what it takes to do the same to others."""

    design: Any
    """The standardised features, then the indicators of missing values: an array, or sparse where there are words."""
    medians: Matrix
    means: Floats
    deviations: Floats
    flagged: npt.NDArray[np.intp]
    """Features with an indicator."""

    def to_onnx(self, coefficients: Floats, intercept: float | Floats, *, link: Link = None) -> bytes:
        """A linear model of the design as ONNX.

        Args:
            coefficients: Shape (d,), or (d, k) of several numbers.
            intercept: One, or shape (k,).
            link: What turns its output into probabilities.

        skl2onnx 1.20 cannot convert `SimpleImputer(add_indicator=True)` (it mistakes the width), so the graph is
        built here.
        """
        weights, flags = self._unscaled(coefficients)
        centres = self.means.astype(np.float32)
        # What rounding the means to float32 moves is put back into the intercept, in double precision.
        moved = ((centres.astype(np.float64) - self.means) * weights.T).sum(axis=-1)
        return _graph(self.medians, centres, weights, flags, intercept + moved, link)

    def additive(
        self, coefficients: Floats, intercept: float | Floats, columns: Sequence[str], *, link: SumLink = "identity"
    ) -> Additive:
        """The same model as a sum, whose parts are counted from the means of these rows.

        Args:
            coefficients: As for `to_onnx`.
            intercept: As for `to_onnx`.
            columns: The names of the features.
            link: What turns the sum into what the model says.
        """
        weights, flags = (each.reshape(len(self.medians), -1) for each in self._unscaled(coefficients))
        width, shares = len(self.medians), np.asarray(self.design.mean(axis=0)).ravel()
        means, absent = self.means.copy(), np.zeros(width)
        as_they_are = (self.means == 0) & (self.deviations == 1)
        means[as_they_are] = shares[:width][as_they_are]
        absent[self.flagged] = shares[width:]
        offset = np.asarray(intercept, dtype=np.float64) - self.means @ weights
        part = Weights(
            weights=weights, means=means, medians=self.medians.astype(np.float64), flags=flags, absent=absent
        )
        return Additive.of(part, columns, link=link, offset=offset, outputs=weights.shape[1])

    def _unscaled(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """The weights of features as they come, and of their indicators."""
        width = len(self.medians)
        flags = np.zeros((width, *coefficients.shape[1:]))
        flags[self.flagged] = coefficients[width:]
        return (coefficients[:width].T / self.deviations).T, flags


def standardise(matrix: Matrix, *, indicators: bool, kinds: Sequence[ColumnKind] = ()) -> Standardised:
    """Prepare rows, shape (n, f); a missing or infinite value becomes the median of its feature.

    Args:
        matrix: The rows.
        indicators: Whether a feature that is ever missing also gets an indicator of that.
        kinds: What each column is, if not all are numbers; 0 and 1, and weights of words, are left as they are.
    """
    if "word" in kinds:
        return _with_words(matrix, indicators=indicators, kinds=kinds)
    absent = ~np.isfinite(matrix)
    medians = medians_of(matrix, absent)
    filled = np.where(absent, medians, matrix).astype(np.float64)
    means, deviations = filled.mean(axis=0), filled.std(axis=0)
    deviations[deviations <= 1e-12 * np.maximum(1.0, np.abs(means))] = np.inf
    ready = np.array([kind == "indicator" for kind in kinds], dtype=np.bool_)
    if ready.any():
        means[ready], deviations[ready] = 0.0, 1.0
    filled -= means
    filled /= deviations
    flagged = np.flatnonzero(absent.any(axis=0) & ~absent.all(axis=0)) if indicators else np.empty(0, dtype=np.intp)
    design = np.concatenate([filled, absent[:, flagged]], axis=1)
    return Standardised(design=design, medians=medians, means=means, deviations=deviations, flagged=flagged)


def _with_words(matrix: Matrix, *, indicators: bool, kinds: Sequence[ColumnKind]) -> Standardised:
    """As `standardise`, words as a sparse matrix: most of them are in few rows."""
    from scipy import sparse

    word = np.array([kind == "word" for kind in kinds])
    others = np.flatnonzero(~word)
    rest = standardise(matrix[:, others], indicators=indicators, kinds=[kind for kind in kinds if kind != "word"])
    numbers, flags = rest.design[:, : len(others)], rest.design[:, len(others) :]
    parts = [sparse.csr_array(numbers), sparse.csr_array(matrix[:, word]).astype(np.float64)]
    back = np.argsort(np.concatenate([others, np.flatnonzero(word)]))
    design = sparse.hstack([sparse.hstack(parts, format="csc")[:, back], sparse.csr_array(flags)], format="csr")
    medians, means, deviations = np.zeros(len(word), np.float32), np.zeros(len(word)), np.ones(len(word))
    medians[others], means[others], deviations[others] = rest.medians, rest.means, rest.deviations
    return Standardised(
        design=design, medians=medians, means=means, deviations=deviations, flagged=others[rest.flagged]
    )


def medians_of(matrix: Matrix, absent: npt.NDArray[np.bool_]) -> Matrix:
    """Each feature's median, where it is not absent; 0 where it always is, shape (f,)."""
    medians = np.zeros(matrix.shape[1], dtype=np.float32)
    for place in range(matrix.shape[1]):
        present = matrix[~absent[:, place], place]
        if present.size:
            medians[place] = np.median(present.astype(np.float64))
    return medians


def _graph(
    medians: Matrix, centres: Matrix, weights: Floats, flags: Floats, intercept: float | Floats, link: Link
) -> bytes:
    """(where(x missing, median, x) - centre) @ weights + missing @ flags + intercept, or the link of it."""
    graph = Nodes()
    median, centre, weight, base = map(graph.constant, (medians, centres, weights, intercept))
    filled, missing = graph.filled("x", median)
    score = graph.node("MatMul", graph.node("Sub", filled, centre), weight)
    if flags.any():
        flagged = graph.node("MatMul", graph.node("Cast", missing, to=graph.FLOAT), graph.constant(flags))
        score = graph.node("Add", score, flagged)
    score = graph.node("Add", score, base)
    if link:
        score = graph.node(link, score)
    outputs = 1 if weights.ndim == 1 else weights.shape[1]
    return finish_graph(graph.nodes, graph.constants, "x", len(medians), {"": 17}, outputs=outputs, score=score)
