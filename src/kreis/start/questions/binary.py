"""Yes or no: a column of two values."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.start.written import as_python
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.task import Task
from kreis.texts import counted

__all__ = ["BinaryKind"]

Value = str | float | bool


class BinaryKind:
    """Yes or no. The rarer of two values is taken as yes."""

    task = "binary classification"

    def fits(self, column: pl.Series) -> bool:
        """Two values."""
        return column.drop_nulls().n_unique() == 2

    def of(self, column: pl.Series) -> BinaryQuestion:
        """The question.

        Raises:
            ProjectError: it has not two values.
        """
        counts = column.drop_nulls().alias("value").value_counts().sort("count", "value")
        if counts.height != 2:
            values = ", ".join(repr(each) for each in counts["value"].head(5))
            hint = "name the task that fits: --task …; or keep two of its values"
            raise ProjectError(f"it has {counted(counts.height, 'value')}: {values}", where=column.name, hint=hint)
        (rare, count), (common, others) = counts.rows()
        return BinaryQuestion(column.name, rare, common, count, others)


class BinaryQuestion(msgspec.Struct, frozen=True):
    """Does the rarer value come?"""

    column: str
    positive: Value
    negative: Value
    count: int
    others: int

    @property
    def task(self) -> str:
        """Its name."""
        return "binary classification"

    @property
    def judge(self) -> Task:
        """With a placeholder for what a right yes is worth."""
        return DecisionValue("points per 1,000 rows", true_positive=self._worth, false_positive=-1.0).task

    @property
    def numeric(self) -> bool:
        """It is not."""
        return False

    @property
    def strength_is(self) -> str:
        """The area under the ROC curve."""
        return self.judge.strength_is

    def outcomes(self, column: pl.Series) -> list[Floats]:
        """1 for the rarer value."""
        yes = (column == self.positive).cast(pl.Float64)
        return [yes.fill_null(np.nan).to_numpy()]

    @property
    def said(self) -> str:
        """Which value is yes, and how often it comes."""
        share = self.count / (self.count + self.others)
        return (
            f"yes or no: {self.positive!r} comes in {counted(self.count, 'row')} ({share:.1%}), {self.negative!r} in"
            f" {self.others:,}; the rarer one, {self.positive!r}, is taken as yes"
        )

    @property
    def asks(self) -> str:
        """As the goal has it."""
        return f"Will {self.column} be {self.positive!r}?".replace("'", "")

    def imports(self, *, of_words: bool) -> list[str]:
        """What its lines need."""
        return ["DecisionValue", "Logistic", "Mean", *([] if of_words else ["GradientBoosting"])]

    @property
    def _worth(self) -> float:
        """So that a yes pays from the usual frequency on: the rarer, the more a right one is worth."""
        return float(max(1, round(self.others / self.count)))

    @property
    def metric(self) -> list[str]:
        """A right yes against a wrong one; the rest is worth nothing."""
        return [
            "# PLACEHOLDERS, to be edited: what a decision is worth, in your unit. A right yes outweighs a wrong one",
            f"# as {self.others:,} to {counted(self.count, 'row')}, so that to say yes to everyone is worth"
            " about nothing.",
            f'metric=DecisionValue("points per 1,000 rows", true_positive={self._worth}, false_positive=-1.0),',
        ]

    @property
    def arguments(self) -> list[str]:
        """Which value is yes, where it does not say so itself."""
        return (
            []
            if self.positive in (1, True) and self.negative in (0, False)
            else [f"positive={as_python(self.positive)},"]
        )

    def candidates(self, *, of_words: bool) -> list[str]:
        """How often it comes, a linear model; boosted trees, or of words alone, a freer linear model."""
        free = 'project.candidate("logistic, freer", Logistic(c=30.0))'
        return [
            'project.candidate("always the same", Mean(), baseline=True)',
            'project.candidate("logistic", Logistic())',
            free if of_words else 'project.candidate("gbdt", GradientBoosting())',
        ]

    @property
    def explained(self) -> str:
        """The four cases."""
        return (
            f"`true_positive` is what it is worth to decide *yes* where {self.column} turns out to be"
            f" `{self.positive}`, `false_positive` what it costs where it does not. There are `true_negative` and"
            " `false_negative`, too. The threshold follows from them."
        )
