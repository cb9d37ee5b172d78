"""A rule that someone wrote down: the baseline that a model must beat, and what answers when no model can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kreis.errors import ProjectError
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal, aggregates, encode
from kreis.models.scoring import RuleScorer
from kreis.training.candidate import Fitted, Matrix, Outcomes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Rule"]


class Rule:
    """An expression over features; its value is the score in [0, 1], a missing value scores 0.

    A yes/no expression scores 1 or 0. It learns nothing, and decides positively from a score of 0.5 on.
    """

    side_by_side: ClassVar[bool] = True

    def __init__(self, expression: pl.Expr | Expression) -> None:
        """Declare a rule from a Polars expression over feature names, or from kreis's own.

        Raises:
            ProjectError: it aggregates over rows, or uses an operation that is not on the allow-list.
        """
        if isinstance(expression, (Column, Literal, Call, Aggregate)):
            self.expression: Expression = expression
        else:
            from kreis.expressions.from_polars import from_polars

            self.expression = from_polars(expression, where="Rule")
        if aggregates(self.expression):
            raise ProjectError(
                "a rule decides row by row and cannot aggregate", where="Rule", hint="declare a feature view for it"
            )

    def parameters(self) -> dict[str, Any]:
        """The expression as a document."""
        return {"kind": "rule", "expression": encode(self.expression)}

    def with_parameters(self, **values: Any) -> Rule:
        """A rule has nothing to change."""
        for name in values:
            raise ProjectError.unknown_name("parameter", name, [], where="Rule")
        return self

    def fit(self, matrix: Matrix, outcomes: Outcomes, features: Sequence[str], *, seed: int, threads: int) -> Fitted:
        """Check that the features it reads exist.

        Raises:
            ProjectError: one does not.
        """
        RuleScorer(self.expression, features)
        return Fitted(kind="rule", features=tuple(features), rule=self.expression)
