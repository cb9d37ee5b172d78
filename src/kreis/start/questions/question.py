"""What may be asked of a column, and how a project asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from kreis.arrays import Floats
from kreis.tasks.task import Task

__all__ = ["Question", "QuestionKind"]


class Question(Protocol):
    """A question about one column, as a written project asks it."""

    @property
    def column(self) -> str:
        """What is to be predicted."""
        ...

    @property
    def task(self) -> str:
        """What kind of question it is."""
        ...

    @property
    def judge(self) -> Task:
        """The task that says how well a column alone tells each of `outcomes`."""
        ...

    @property
    def numeric(self) -> bool:
        """Whether the outcome is an amount, which other columns may add up to."""
        ...

    @property
    def strength_is(self) -> str:
        """What the strength of a column is called."""
        ...

    def outcomes(self, column: pl.Series) -> list[Floats]:
        """What happened, NaN where not known; one for each kind of outcome that is told apart by itself."""
        ...

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        ...

    @property
    def asks(self) -> str:
        """The question, as the goal has it."""
        ...

    def imports(self, *, of_words: bool) -> Sequence[str]:
        """Names of `kreis` that its lines need, as `candidates` are."""
        ...

    @property
    def metric(self) -> Sequence[str]:
        """The lines of the metric in the goal, placeholders with a comment."""
        ...

    @property
    def arguments(self) -> Sequence[str]:
        """What `project.rows` is told beyond the column."""
        ...

    def candidates(self, *, of_words: bool) -> Sequence[str]:
        """The lines that declare baselines and candidates.

        Args:
            of_words: Whether texts to be read are all that there is. Trees take minutes for thousands of words, and are
                seldom better.
        """
        ...

    @property
    def explained(self) -> str:
        """How to put in one's own values, for the README."""
        ...


class QuestionKind(Protocol):
    """A kind of question."""

    task: str
    """As `--task` names it."""

    def fits(self, column: pl.Series) -> bool:
        """Whether a column looks as if this were asked of it."""
        ...

    def of(self, column: pl.Series) -> Question:
        """The question.

        Raises:
            ProjectError: it cannot be asked of this column.
        """
        ...
