"""What a candidate is: parameters that can be declared without importing a trainer, and a way to become data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np

from kreis.errors import ProjectError
from kreis.models.form import Form
from kreis.models.scoring import Matrix, Scorer
from kreis.tasks.task import Labels, Loss

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Declared = TypeVar("Declared", bound=DataclassInstance)

__all__ = [
    "Candidate",
    "Fitted",
    "Matrix",
    "Outcomes",
    "changed",
    "needs_classes",
    "needs_numbers",
    "require",
    "varied",
]

Outcomes = Labels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """A candidate after training: data, from which alone it is evaluated, packaged and served."""

    form: Form
    features: tuple[str, ...]
    """Its input, in order."""
    written: bool = False
    """Whether someone wrote it down as it is: it learned nothing, and decides as a rule does."""
    orders: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    """Of each category feature the numbers that it knows, in the order in which it takes them."""
    gain: dict[str, float] | None = None
    """Each feature's share of the gain of all splits, for trees."""

    def scorer(self, *, threads: int = 1) -> Scorer:
        """What turns features into scores, the same as in the service."""
        return self.form.scorer(self.features, threads=threads)


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

    def fit(
        self, matrix: Matrix, outcomes: Outcomes, features: Sequence[str], *, loss: Loss, seed: int, threads: int
    ) -> Fitted:
        """Learn from rows and become data.

        The same arguments give the same bytes on the same machine, whatever was trained before.

        Args:
            matrix: float32 of shape (n, f), NaN where a value is missing.
            outcomes: what happened, shape (n,): bool for two classes, float64 for numbers (`Task.labels`).
            features: the f names.
            loss: what the goal would have minimised; for trainers that can choose.
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


def needs_classes(outcomes: Outcomes, *, where: str, hint: str) -> None:
    """Raise a ProjectError unless outcomes are yes and no, and both occur."""
    require(outcomes.dtype == np.bool_, "it learns yes and no; this goal asks for numbers", where=where, hint=hint)
    varied(outcomes, where=where)


def needs_numbers(outcomes: Outcomes, *, where: str, hint: str) -> None:
    """Raise a ProjectError unless outcomes are numbers, and not all the same."""
    require(outcomes.dtype != np.bool_, "it learns numbers; this goal asks for yes or no", where=where, hint=hint)
    varied(outcomes, where=where)


def varied(outcomes: Outcomes, *, where: str) -> None:
    """Raise a ProjectError, with counts, unless outcomes differ."""
    if len(outcomes) == 0 or np.ptp(outcomes.astype(np.float64)) == 0:
        what = f" have the outcome {outcomes[0]}" if len(outcomes) else ""
        raise ProjectError(
            f"all {len(outcomes):,} training rows{what}; nothing can be learned",
            where=where,
            hint="train on a longer time range, or check the outcome's definition",
        )
