"""What an encoder is: it learns from the rows that teach how one column is handed to a model, and becomes data.

What it learned stands in front of the model's ONNX graph, so a package, a service and an evaluation take the column as
it comes. `kreis.training.encoders.testing` holds the tests that every kind passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias

from kreis.arrays import Floats
from kreis.models.scoring import Matrix, Texts
from kreis.training.encoders.targets import Targets

if TYPE_CHECKING:
    from kreis.training.encoders.front import Front

__all__ = ["Column", "ColumnKind", "Encoder", "Encoding"]

ColumnKind: TypeAlias = Literal["number", "category", "indicator", "word"]
"""What a column is to a trainer: a number; whole codes of a category, without an order; 0 and 1; or the weight of a
word, which is 0 in most rows.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Column:
    """A feature of n rows."""

    numbers: Matrix
    """float32 of shape (n,), NaN where missing."""
    texts: Texts | None = None
    """What it says, where it is read as a text, shape (n,)."""
    names: Mapping[float, str] = field(default_factory=dict)
    """Of a category, the texts that the numbers name, as far as they are known."""


class Encoding(Protocol):
    """What an encoder has learned of one column: data."""

    @property
    def kind(self) -> ColumnKind:
        """What its columns are to a trainer."""
        ...

    @property
    def numbers(self) -> Floats:
        """The numbers of the categories that it knows, in its order, shape (k,); of texts, none."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """What is put behind the feature's name, for each of the w columns that it gives."""
        ...

    @property
    def taught(self) -> Matrix | None:
        """What the rows that taught it are given, float32 (n, w); None where that is what all rows are given."""
        ...

    def encode(self, column: Column) -> Matrix:
        """The w columns of any rows, float32 of shape (n, w)."""
        ...

    @property
    def group(self) -> str:
        """Encodings of one class with the same word are computed together."""
        ...

    @classmethod
    def in_front(cls, front: Front, encodings: Mapping[int, Encoding]) -> str:
        """Compute several of one group in a graph.

        Args:
            front: Takes the operations.
            encodings: By the place of the feature among the model's.

        Returns:
            The name of a float32 tensor (n, sum of w), columns in the order of `encodings`.
        """
        ...


class Encoder(Protocol):
    """A way to encode a column."""

    name: ClassVar[str]
    """What a project calls it."""

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Encoding:
        """Learn from the rows that teach.

        Args:
            column: Theirs.
            targets: What happened in them.
            seed: All chance derives from it.

        Raises:
            ProjectError: it cannot learn from these rows.
        """
        ...
