"""Which questions there are, in the order in which they are tried."""

from __future__ import annotations

import polars as pl

from kreis.errors import ProjectError
from kreis.start.questions.binary import BinaryKind
from kreis.start.questions.classes import ClassesKind
from kreis.start.questions.question import Question, QuestionKind
from kreis.start.questions.regression import RegressionKind
from kreis.start.series.question import TASK

__all__ = ["KINDS", "question_of"]

KINDS: tuple[QuestionKind, ...] = (BinaryKind(), ClassesKind(), RegressionKind())


def question_of(column: pl.Series, task: str = "") -> Question:
    """What to ask of a column.

    Args:
        column: What is to be predicted.
        task: As the person named it; what fits the values if not.

    Raises:
        ProjectError: nothing can be asked of it, or no such task.
    """
    given = column.drop_nulls()
    if given.is_empty():
        hint = "name the column that says what really happened"
        raise ProjectError("it has no value in any row", where=column.name, hint=hint)
    if task:
        for kind in KINDS:
            if kind.task == task:
                return kind.of(column)
        raise ProjectError.unknown_name("task", task, [*(each.task for each in KINDS), TASK], where="--task")
    if given.n_unique() == 1:
        said = f"it is {given.first()!r} in all rows that have a value"
        raise ProjectError(said, where=column.name, hint="to learn from it, it must come out in different ways")
    for kind in KINDS:
        if kind.fits(column):
            return kind.of(column)
    said = f"it holds {given.dtype} values, such as {given.first()!r}, which nothing can predict"
    raise ProjectError(said, where=column.name, hint="known tasks: " + ", ".join(each.task for each in KINDS))
