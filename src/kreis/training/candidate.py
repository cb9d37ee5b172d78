"""What a candidate is: parameters that can be declared without importing a trainer, and a way to become data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.expressions.tree import Expression
from kreis.models.scoring import OnnxScorer, RuleScorer, Scorer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Declared = TypeVar("Declared", bound=DataclassInstance)

__all__ = ["Candidate", "Fitted", "Matrix", "Outcomes", "changed", "require", "two_classes"]

Matrix = npt.NDArray[np.float32]
Outcomes = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """A candidate after training: data, from which alone it is evaluated, packaged and served."""

    kind: Literal["onnx", "rule"]
    features: tuple[str, ...]
    """Its input, in order."""
    onnx: bytes | None = None
    rule: Expression | None = None
    gain: dict[str, float] | None = None
    """Each feature's share of the gain of all splits, for trees."""

    def scorer(self, *, threads: int = 1) -> Scorer:
        """What turns features into scores, the same as in the service."""
        if self.onnx is not None:
            return OnnxScorer.from_onnx(self.onnx, threads=threads)
        if self.rule is not None:
            return RuleScorer(self.rule, self.features)
        raise ProjectError("a fitted candidate holds neither a model nor a rule", where="Fitted")


class Candidate(Protocol):
    """A way to answer the goal's question. `kreis.training.testing` holds the tests that every kind passes."""

    side_by_side: ClassVar[bool]
    """Whether several fits may run in threads of one process: none sets what all of it shares."""

    def parameters(self) -> dict[str, Any]:
        """What determines the result, as a JSON document; it goes into the key of the training step."""
        ...

    def with_parameters(self, **values: Any) -> Candidate:
        """The same candidate with some parameters changed.

        Raises:
            ProjectError: no parameter has that name, or the value is out of bounds.
        """
        ...

    def fit(self, matrix: Matrix, outcomes: Outcomes, features: Sequence[str], *, seed: int, threads: int) -> Fitted:
        """Learn from rows and become data.

        The same arguments give the same bytes on the same machine, whatever was trained before.

        Args:
            matrix: float32 of shape (n, f), NaN where a value is missing.
            outcomes: what happened, bool of shape (n,).
            features: the f names.
            seed: all chance derives from it.
            threads: how many may compute at once.

        Raises:
            ProjectError: it cannot learn from these rows or cannot become data.
        """
        ...


def require(condition: bool, message: str, *, where: str, hint: str | None = None) -> None:
    """Raise a ProjectError unless a declared parameter is in bounds."""
    if not condition:
        raise ProjectError(message, where=where, hint=hint)


def changed(candidate: Declared, values: dict[str, Any]) -> Declared:
    """A copy of a candidate that is a dataclass, with some fields changed.

    Raises:
        ProjectError: it has no field of that name.
    """
    known = [field.name for field in dataclasses.fields(candidate)]
    for name in values:
        if name not in known:
            raise ProjectError.unknown_name("parameter", name, known, where=type(candidate).__name__)
    return dataclasses.replace(candidate, **values)


def two_classes(outcomes: Outcomes, *, where: str) -> None:
    """Raise a ProjectError, with counts, unless both outcomes occur."""
    positive = int(np.count_nonzero(outcomes))
    if positive == 0 or positive == len(outcomes):
        raise ProjectError(
            f"all {len(outcomes):,} training rows have the outcome {positive > 0}; nothing can be learned",
            where=where,
            hint="train on a longer time range, or check the outcome's definition",
        )
