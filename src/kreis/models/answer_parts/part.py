"""What a part of an answer is: data in a package, and once it is opened a JSON value for each row.

A part is declared by the project (`kreis.evaluation.answer_parts`), fitted when a model is packaged, and from then on
data: a frozen struct with a tag in the manifest, named in `kinds.py`. Larger bytes are artifacts that it names by their
digest (`files`). `kreis.models.answer_parts.testing` holds the tests that every kind passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from kreis.models.scoring import Matrix

__all__ = ["NO_GROUP", "AnswerPart", "Asking", "Get", "OpenedPart", "Raw", "Scores", "group_text"]

Raw = float | list[float]
"""The raw output of one row."""
Scores = npt.NDArray[np.floating[Any]]
"""Raw outputs of rows, shape (n,) or (n, k)."""
Get = Callable[[str], bytes]
"""Gives the bytes of a digest."""
NO_GROUP = "(missing)"
"""What a row belongs to that does not say to which group."""


class Asking(Protocol):
    """A row as it was asked about."""

    @property
    def keys(self) -> Mapping[str, str]:
        """Entity to key."""
        ...

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the request brought."""
        ...


class OpenedPart(Protocol):
    """Ready to say its part. Safe to share between threads."""

    def one(self, values: npt.NDArray[np.float32], score: Raw, asked: Asking) -> Any:
        """What goes with one answer, as a JSON value; the same as `many` says of a row alone.

        Args:
            values: The row's features in the manifest's order, shape (f,), NaN where missing.
            score: The model's raw output.
            asked: The row as it was asked about.
        """
        ...

    def many(self, matrix: Matrix, scores: Scores, asked: Sequence[Asking]) -> list[Any]:
        """What goes with each of n answers.

        Args:
            matrix: The rows' features, shape (n, f).
            scores: The raw outputs, shape (n,) or (n, k).
            asked: The rows as they were asked about, n of them.
        """
        ...


class AnswerPart(Protocol):
    """A part as a package holds it: a frozen struct with a tag `part`, that forbids unknown fields."""

    name: ClassVar[str]
    """Of the field in the answer's `parts`: "coverage"."""

    @property
    def files(self) -> Sequence[str]:
        """The digests of the artifacts that it needs."""
        ...

    def schema(self) -> dict[str, Any]:
        """Of its value, as JSON Schema."""
        ...

    def said(self, value: Any) -> str:
        """A value of its own in words, for a person who asks why."""
        ...

    def open(self, get: Get, features: Sequence[str]) -> OpenedPart:
        """Ready to answer.

        Args:
            get: Gives the bytes of its `files`.
            features: The names of the model's features, in order.
        """
        ...


def group_text(value: Any) -> str:
    """A key's or field's value as the name of a group, the same from a table and from a request.

    >>> [group_text(each) for each in ("north", 3.0, 3, True, None, float("nan"))]
    ['north', '3', '3', 'true', '(missing)', '(missing)']
    """
    if value is None or value == "" or value != value:
        return NO_GROUP
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
