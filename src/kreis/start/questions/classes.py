"""Which of several: a column of a few texts, or of a few numbers where the person says so."""

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

__all__ = ["ClassesKind"]

_MOST = 500
_OFTEN = 5
"""Rows that a class must have on average."""
_JUDGED = 6
"""So many of the most frequent classes say how well a column tells them from the rest."""
_WIDTH = 100

Value = str | int | float | bool


class ClassesKind:
    """One of several classes."""

    task = "multi-class classification"

    def fits(self, column: pl.Series) -> bool:
        """Texts of a few different values."""
        given = column.drop_nulls()
        few = 2 < given.n_unique() <= min(_MOST, len(given) / _OFTEN)
        return column.dtype == pl.String() and few

    def of(self, column: pl.Series) -> ClassesQuestion:
        """The question.

        Raises:
            ProjectError: it has fewer than three values, too many, or values that are no classes.
        """
        given = column.drop_nulls()
        counts = given.alias("value").value_counts().sort("count", "value", descending=[True, False])
        if not 2 < counts.height <= min(_MOST, len(given) / _OFTEN) or given.dtype.is_float():
            said = f"it has {counts.height:,} different values in {counted(len(given), 'row')}"
            raise ProjectError(said, where=column.name, hint="classes are few, and each comes several times")
        return ClassesQuestion(column.name, counts["value"].to_list(), counts["count"].to_list())


class ClassesQuestion(msgspec.Struct, frozen=True):
    """Which class will it be?"""

    column: str
    classes: list[Value]
    """The most frequent first."""
    counts: list[int]

    @property
    def task(self) -> str:
        """Its name."""
        return ClassesKind.task

    @property
    def judge(self) -> Task:
        """Yes or no, of each frequent class by itself."""
        return DecisionValue("points per 1,000 rows", true_positive=1.0, false_positive=-1.0).task

    @property
    def numeric(self) -> bool:
        """It is not."""
        return False

    @property
    def strength_is(self) -> str:
        """The largest area under the ROC curve, of one class against the rest."""
        return f"{self.judge.strength_is}, one class against the rest"

    def outcomes(self, column: pl.Series) -> list[Floats]:
        """1 for a class, 0 for another, of each frequent one."""
        return [(column == each).cast(pl.Float64).fill_null(np.nan).to_numpy() for each in self.classes[:_JUDGED]]

    @property
    def said(self) -> str:
        """How many classes, and how often they come."""
        total = sum(self.counts)
        return (
            f"one of {len(self.classes)} classes: from {self.classes[0]!r} in {counted(self.counts[0], 'row')}"
            f" ({self.counts[0] / total:.1%}) to {self.classes[-1]!r} in {self.counts[-1]:,}"
        )

    @property
    def asks(self) -> str:
        """As the goal has it."""
        return f"Which {self.column} will it be?"

    def imports(self, *, of_words: bool) -> list[str]:
        """What its lines need."""
        return ["CostMatrix", "Logistic", "Mean", *([] if of_words else ["GradientBoosting"])]

    @property
    def metric(self) -> list[str]:
        """A wrong class costs one point."""
        return [
            "# PLACEHOLDERS, to be edited: what it costs, in your unit, to answer one class where it was another.",
            "# Where some mistakes cost more: costs={chosen: {was: cost}}.",
            "metric=CostMatrix(",
            '    "points per 1,000 rows",',
            *_in_lines([as_python(each) for each in sorted(self.classes, key=str)]),
            "    wrong=1.0,",
            "),",
        ]

    @property
    def arguments(self) -> list[str]:
        """Nothing."""
        return []

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
        """What a mistake costs."""
        chosen, was = as_python(self.classes[0]), as_python(self.classes[-1])
        return (
            "`wrong` is what every mistake costs. Where one costs more than another, say so:"
            f" `costs={{{chosen}: {{{was}: 20.0}}}}` is the cost of the answer {chosen} where it was {was}."
            " The answer is the class that costs least on average."
        )


def _in_lines(values: list[str]) -> list[str]:
    """A list over as few lines as fit."""
    whole = f"    [{', '.join(values)}],"
    if len(whole) <= _WIDTH:
        return [whole]
    lines = ["       "]
    for each in values:
        if len(lines[-1]) + len(each) + 2 > _WIDTH:
            lines.append("       ")
        lines[-1] += f" {each},"
    return ["    [", *lines, "    ],"]
