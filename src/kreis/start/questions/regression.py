"""How much: a column of numbers."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import Task

__all__ = ["RegressionKind"]

_FEW = 10


class RegressionKind:
    """A number."""

    task = "regression"

    def fits(self, column: pl.Series) -> bool:
        """Numbers of more than two values."""
        return column.dtype.is_numeric() and column.drop_nulls().n_unique() > 2

    def of(self, column: pl.Series) -> RegressionQuestion:
        """The question.

        Raises:
            ProjectError: it holds no numbers.
        """
        if not column.dtype.is_numeric():
            example = column.drop_nulls().first()
            message = f"it holds {column.dtype} values such as {example!r}, not numbers"
            raise ProjectError(message, where=column.name, hint="name the task that fits: --task …")
        given = column.cast(pl.Float64).drop_nulls().drop_nans()
        low, middle, high = (float(each) for each in np.quantile(given.to_numpy(), (0.0, 0.5, 1.0)))
        return RegressionQuestion(column.name, low, middle, high, given.n_unique())


class RegressionQuestion(msgspec.Struct, frozen=True):
    """How much will it be?"""

    column: str
    low: float
    middle: float
    high: float
    distinct: int

    @property
    def task(self) -> str:
        """Its name."""
        return "regression"

    @property
    def judge(self) -> Task:
        """With an error that costs the same on both sides, as a placeholder."""
        return ErrorCost("points per row", over=1.0, under=1.0, per=1).task

    @property
    def numeric(self) -> bool:
        """It is."""
        return True

    @property
    def strength_is(self) -> str:
        """The rank correlation."""
        return self.judge.strength_is

    def outcomes(self, column: pl.Series) -> list[Floats]:
        """The numbers."""
        return [column.cast(pl.Float64).fill_null(np.nan).to_numpy()]

    @property
    def said(self) -> str:
        """Between which ends."""
        said = f"a number: {self.low:,.6g} to {self.high:,.6g}, half of the rows below {self.middle:,.6g}"
        if self.distinct <= _FEW:
            said += f"; it has only {self.distinct} values: are they classes? --task 'multi-class classification'"
        return said

    @property
    def asks(self) -> str:
        """As the goal has it."""
        return f"How much will {self.column} be?"

    def imports(self, *, of_words: bool) -> list[str]:
        """What its lines need."""
        return ["ErrorCost", "GradientBoosting", "Linear", "Mean"]

    @property
    def metric(self) -> list[str]:
        """An error costs one point, on either side."""
        return [
            "# PLACEHOLDERS, to be edited: what an error of 1 costs, in your unit, where the answer is too high (over)",
            "# and where it is too low (under). Where they differ, the best answer is not the middle.",
            'metric=ErrorCost("points per row", over=1.0, under=1.0, per=1),',
        ]

    @property
    def arguments(self) -> list[str]:
        """Nothing."""
        return []

    def candidates(self, *, of_words: bool) -> list[str]:
        """The mean, a linear model, boosted trees."""
        return [
            'project.candidate("always the same", Mean(), baseline=True)',
            'project.candidate("linear", Linear())',
            'project.candidate("gbdt", GradientBoosting())',
        ]

    @property
    def explained(self) -> str:
        """The two sides."""
        return (
            f"`over` is what it costs if the answer is 1 above what {self.column} turns out to be, `under` if it is 1"
            " below. With `over=1, under=3` the best answer is the number that is enough in three of four cases."
        )
