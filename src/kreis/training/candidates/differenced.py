"""A candidate that learns by how much the outcome differs from what a plain answer says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kreis.expressions.tree import Column, Expression, encode
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.weights import Weights
from kreis.models.form import Formula, Onnx
from kreis.tasks.task import Loss
from kreis.training.candidate import Candidate, Fitted, Matrix, Outcomes, complexity_of, needs_numbers, require
from kreis.training.fidelity import prove_same

if TYPE_CHECKING:
    import polars as pl

    from kreis.training.declare import Trainable

__all__ = ["Differenced"]


class Differenced:
    """Another candidate, that learns the outcome less a plain answer; what leaves training adds it again.

    Trees cannot say more than they have seen, and a level of one series tells nothing of another's. The difference to
    the last value (of a forecast) has neither trouble: see Hyndman and Athanasopoulos 2021, "Forecasting: principles
    and practice", section 9.1. Where the plain answer is missing, the mean of the training rows stands for it.

    Example:

    >>> import polars as pl
    >>> from kreis import GradientBoosting
    >>> Differenced(GradientBoosting(trees=60), against=pl.col("share__last")).parameters()["kind"]
    'differenced'
    """

    def __init__(self, candidate: Candidate | Trainable, *, against: pl.Expr | Expression) -> None:
        """Declare it.

        Args:
            candidate: What learns the difference: of numbers, and it must become ONNX.
            against: The plain answer, an expression over features: columns, numbers, `+ - * /`, comparisons and
                `pl.when`.

        Raises:
            ProjectError: the expression aggregates over rows, or has other operations.
        """
        from kreis.training.candidates.rule import Rule
        from kreis.training.declare import as_candidate
        from kreis.training.expression_graph import check_convertible

        self.candidate = as_candidate(candidate)
        self.expression = Rule(against).expression
        check_convertible(self.expression, where="Differenced(against=...)")

    @property
    def side_by_side(self) -> bool:
        """As its candidate."""
        return self.candidate.side_by_side

    @property
    def quantiles(self) -> bool:
        """As its candidate."""
        return bool(getattr(self.candidate, "quantiles", False))

    @property
    def complexity(self) -> int:
        """As its candidate."""
        return complexity_of(self.candidate)

    def parameters(self) -> dict[str, Any]:
        """Those of its candidate, and the plain answer."""
        document = {"kind": "differenced", "against": encode(self.expression)}
        return {**document, "candidate": self.candidate.parameters()}

    def with_parameters(self, **values: Any) -> Differenced:
        """With parameters of its candidate changed.

        Raises:
            ProjectError: the candidate has none of that name.
        """
        return Differenced(self.candidate.with_parameters(**values), against=self.expression)

    def fit(
        self, matrix: Matrix, outcomes: Outcomes, features: Sequence[str], *, loss: Loss, seed: int, threads: int
    ) -> Fitted:
        """Learn the differences.

        Raises:
            ProjectError: the outcomes are no numbers, a feature of the plain answer is missing, or the candidate does
                not become ONNX.
        """
        from kreis.training.expression_graph import added

        needs_numbers(outcomes, where=_WHERE, hint="a difference is one of numbers")
        plain = Formula(expression=self.expression, missing=float(outcomes.mean())).scorer(features)
        apart = outcomes - plain.score(matrix).astype(np.float64)
        inner = self.candidate.fit(matrix, apart, features, loss=loss, seed=seed, threads=threads)
        hint = "GradientBoosting(), Linear() or an estimator do"
        require(inner.form.content is not None, "its candidate does not become ONNX", where=_WHERE, hint=hint)
        content = added(inner.form.content or b"", self.expression, list(features), missing=float(outcomes.mean()))
        learned = inner.scorer()
        prove_same(content, lambda given: learned.score(given) + plain.score(given), matrix, where=_WHERE)
        if not isinstance(self.expression, Column):
            return dataclasses.replace(inner, form=Onnx.of(content), explains=None)
        place = list(features).index(self.expression.name)
        return inner.then(Onnx.of(content), self._with_plain, matrix, place, float(outcomes.mean()))

    def _with_plain(self, inner: Additive, matrix: Matrix, place: int, missing: float) -> Additive:
        """The sum of both, where the plain answer is one feature as it is."""
        width = matrix.shape[1]
        values = np.where(np.isfinite(matrix[:, place]), matrix[:, place], missing)
        weights, means, medians = np.zeros((width, inner.outputs)), np.zeros(width), np.zeros(width)
        weights[place], means[place], medians[place] = 1.0, values.mean(dtype=np.float64), missing
        plain = Weights(
            weights=weights, means=means, medians=medians, flags=np.zeros_like(weights), absent=np.zeros(width)
        )
        return dataclasses.replace(inner, parts=(*inner.parts, plain))


_WHERE = "Differenced"
