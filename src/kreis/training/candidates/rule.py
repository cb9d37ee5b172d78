"""A rule that someone wrote down: the baseline that a model must beat, and what answers when no model can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal, aggregates, encode
from kreis.models.form import Formula
from kreis.tasks.task import Loss
from kreis.training.candidate import CONSTANT, Fitted, Matrix, Outcomes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Rule"]


class Rule:
    """An expression over features; its value is the score. It learns nothing.

    Of a yes/no question the score is in [0, 1], a missing value scores 0, a yes/no expression scores 1 or 0, and the
    rule decides positively from 0.5 on. Of a number the value is the answer; where it is missing, the mean of the
    training rows is. Of classes the value is the place of one among the goal's (0 is the first); where it is missing,
    the most frequent one's. Of labels it is the sum of 1 for the first label, 2 for the second, 4 for the third,
    and so on.

    Example:

    >>> import polars as pl
    >>> Rule(pl.col("customer__return_rate_180d") > 0.4).parameters()["kind"]
    'rule'
    """

    side_by_side: ClassVar[bool] = True
    several: ClassVar[bool] = True
    """Its number stands for as many as are asked for: a quantile for all, a class's place, labels as a mask."""
    complexity: ClassVar[int] = CONSTANT
    encode: ClassVar[None] = None  # it learns nothing of categories

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
        """Check that the features it reads exist.

        Raises:
            ProjectError: one does not.
        """
        if outcomes.ndim == 2:
            form = Formula(expression=self.expression, low=0.0, high=2.0**loss.outputs - 1)
        elif outcomes.dtype == np.bool_:
            form = Formula(expression=self.expression, low=0.0, high=1.0)
        elif outcomes.dtype.kind == "i":
            frequent, last = float(np.bincount(outcomes).argmax()), loss.outputs - 1.0
            form = Formula(expression=self.expression, missing=frequent, low=0.0, high=last)
        else:
            form = Formula(expression=self.expression, missing=_mean_known(outcomes))
        form.scorer(features)
        return Fitted(form=form, features=tuple(features), written=True)


def _mean_known(outcomes: Outcomes) -> float:
    """The mean of the outcomes that are known; 0 where none is."""
    known = outcomes[~np.isnan(outcomes)]
    return float(known.mean()) if len(known) else 0.0
