"""What a declared part of an answer is: how it is asked for, and how it is fitted to a model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Protocol

from kreis.evaluation.examinations.examination import Examination, Subject
from kreis.models.answer_parts.kinds import AnswerPartKind
from kreis.preparation.views import FieldType
from kreis.tasks.task import Task

__all__ = ["DeclaredPart", "Keep"]

Keep = Callable[[bytes], str]
"""Stores bytes among the artifacts and gives their digest, durably."""


class DeclaredPart(Protocol):
    """A part as a project declares it: a frozen dataclass, whose fields are plain data and go into a step's key."""

    name: ClassVar[str]
    """Of the field in the answer's `parts`: that of what it is packaged as."""

    @property
    def examined_by(self) -> Examination | None:
        """What measures whether it holds what it says, asked in each run; None where nothing does."""
        ...

    def check(self, task: Task, known: Mapping[str, FieldType], features: Collection[str]) -> None:
        """Check that it can go with answers of a project, once all is declared.

        Args:
            task: What the goal asks.
            known: Keys (as "string") and fields that a request may bring, with their types.
            features: All features of the project, by their full names.

        Raises:
            ProjectError: it cannot; says what to do.
        """
        ...

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be fitted to this model ("its scores are no probabilities"); None if it can."""
        ...

    def fit(self, subject: Subject, keep: Keep) -> AnswerPartKind:
        """What is packaged. The same subject gives the same bytes.

        Args:
            subject: The model, with its features; `lacks` was None. What is fitted rests on its validation or training
                rows, never on those that judge.
            keep: Stores what is too large for a manifest; the digest goes into what is returned (`files`).
        """
        ...
