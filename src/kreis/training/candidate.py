"""What a candidate is: parameters that can be declared without importing a trainer, and a way to become data."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, get_args

import numpy as np

from kreis.arrays import Codes
from kreis.errors import ProjectError
from kreis.models.explanations.additive import Additive
from kreis.models.form import Form
from kreis.models.scoring import Matrix, Scorer, Scores
from kreis.tasks.task import Labels, Loss
from kreis.texts import counted

__all__ = [
    "Candidate",
    "Fitted",
    "Matrix",
    "NumberLoss",
    "Outcomes",
    "Score",
    "UsualCandidate",
    "Watch",
    "complexity_of",
    "loss_for",
    "needs_classes",
    "needs_numbers",
    "quarters_of",
    "ranked",
    "require",
    "require_whole",
    "varied",
    "version_of",
]

Outcomes = Labels
Score: TypeAlias = Callable[..., Scores]
"""From rows (and their texts, where there are any) to scores."""
Watch: TypeAlias = Callable[[int, Score], None]
"""Told after how many quarters of a fit, and how rows are scored by then; an error that it raises ends the fit."""
CONSTANT, LINEAR, TREES, NETWORK = range(4)
"""How simple a candidate is: written down or the same for all; a weighted sum; many trees; layers of weights."""
NumberLoss = Literal["squared", "absolute", "quantile", "poisson", "tweedie"]
"""What a trainer of numbers may be told to minimise in place of what the goal asks for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """A candidate after training: data, from which alone it is evaluated, packaged and served."""

    form: Form
    features: tuple[str, ...]
    """Its input, in order."""
    written: bool = False
    """Whether someone wrote it down as it is: it learned nothing, and decides as a rule does."""
    orders: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    """Of each category feature the numbers that it knows, in the order in which its encoder has them."""
    gain: dict[str, float] | None = None
    """Each feature's share of the gain of all splits, for trees."""
    found: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """What the fit itself found of how good it is, by name: how stable clusters are."""
    explains: Callable[[], Additive | None] | None = None
    """Gives the same as a sum, from which what each feature adds follows; asked once, of what is kept."""

    def scorer(self, *, threads: int = 1) -> Scorer:
        """What turns features into scores, the same as in the service."""
        return self.form.scorer(self.features, threads=threads)

    @property
    def additive(self) -> Additive | None:
        """It as a sum; None where it is none."""
        return None if self.explains is None else self.explains()

    def then(self, form: Form, step: Callable[..., Additive], *given: Any) -> Fitted:
        """With something put before or behind it.

        Args:
            form: The whole.
            step: Does the same to the sum.
            given: What else the step takes.
        """
        explains = None if self.explains is None else functools.partial(_then, self.explains, step, given)
        return dataclasses.replace(self, form=form, explains=explains)


def _then(
    explains: Callable[[], Additive | None], step: Callable[..., Additive], given: tuple[Any, ...]
) -> Additive | None:
    found = explains()
    return None if found is None else step(found, *given)


class Candidate(Protocol):
    """A way to answer the goal's question. `kreis.training.testing` holds the tests that every kind passes.

    It may say by an attribute `encode` how it is given categories where the user says nothing: the name of an encoder
    (`kreis.training.encoders`), or None where it learns nothing of them; "order" else. Its `fit` may take a keyword
    `kinds`: what each column is (`ColumnKind`), given where not all are numbers; where it makes use of whole codes of
    categories, it also says `splits_categories = True`. A keyword `watch` (`Watch`) lets a search give up what is not
    worth going on with. By `complexity` it says how simple it is: `CONSTANT`, `LINEAR`, `TREES` (what is
    assumed where it says nothing) or `NETWORK`.
    """

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
        self,
        matrix: Matrix,
        outcomes: Outcomes,
        features: Sequence[str],
        *,
        loss: Loss,
        seed: int,
        threads: int,
        groups: Codes | None = None,
    ) -> Fitted:
        """Learn from rows and become data.

        The same arguments give the same bytes on the same machine, whatever was trained before.

        Args:
            matrix: float32 of shape (n, f), NaN where a value is missing.
            outcomes: what happened, shape (n,): bool for yes and no, int64 for the place of a class, float64 for
                numbers (`Task.labels`).
            features: the f names.
            loss: what the goal would have minimised; for trainers that can choose.
            seed: all chance derives from it.
            threads: how many may compute at once.
            groups: which rows are ranked among each other, shape (n,), where the loss is one of ranks.

        Raises:
            ProjectError: it cannot learn from these rows or cannot become data.
        """
        ...


class UsualCandidate:
    """What most candidates have in common; frozen dataclasses are made of it, and their fields are their parameters."""

    kind: ClassVar[str]

    def parameters(self) -> dict[str, Any]:
        """Its kind and its fields."""
        return {"kind": self.kind, **dataclasses.asdict(self)}  # type: ignore[call-overload]  # a dataclass

    def with_parameters(self, **values: Any) -> Self:
        """A copy with some fields changed.

        Raises:
            ProjectError: it has no field of that name.
        """
        known = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]  # a dataclass
        for name in values:
            if name not in known:
                raise ProjectError.unknown_name("parameter", name, known, where=type(self).__name__)
        return dataclasses.replace(self, **values)  # type: ignore[type-var]  # a dataclass


def quarters_of(rounds: int) -> dict[int, int]:
    """After which rounds a quarter, a half and three quarters of them are done."""
    return {max(1, rounds * quarter // 4): quarter for quarter in (3, 2, 1)}


def complexity_of(candidate: Candidate) -> int:
    """How simple a candidate is; lower is simpler."""
    found: int = getattr(candidate, "complexity", TREES)
    return found


def version_of(*distributions: str) -> str:
    """The version of a library that has one of several names, without importing it.

    Raises:
        PackageNotFoundError: it is not installed; `MissingLibraryError.of` names the extra.
    """
    for name in distributions[:-1]:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return metadata.version(distributions[-1])


def require(condition: bool, message: str, *, where: str, hint: str | None = None) -> None:
    """Raise a ProjectError unless a declared parameter is in bounds."""
    if not condition:
        raise ProjectError(message, where=where, hint=hint)


def require_whole(candidate: object, *, where: str, **least: int) -> None:
    """Raise a ProjectError unless fields of a candidate are whole numbers from a least one on."""
    for name, lowest in least.items():
        value = getattr(candidate, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole and value >= lowest, f"{name} must be a whole number from {lowest}, not {value}", where=where)


def loss_for(declared: NumberLoss | None, asked: Loss, outcomes: Outcomes, *, where: str) -> Loss:
    """What a trainer minimises: what the candidate declares, else what the goal asks for.

    Raises:
        ProjectError: it declares a loss of numbers where the goal asks for none, or outcomes are below 0 where the
            loss takes none such.
    """
    loss = asked
    if declared is not None:
        numbers = asked.name in get_args(NumberLoss)
        message = f"loss={declared!r} is one of numbers; this goal asks for none"
        require(numbers, message, where=where, hint="leave loss out: it follows from the goal")
        level = (asked.level or 0.5) if declared == "quantile" else None
        loss = Loss(declared, level)
    if loss.name in ("poisson", "tweedie") and (below := int((outcomes < 0).sum())):
        message = f"{counted(below, 'outcome is', 'outcomes are')} below 0, which loss={loss.name!r} does not take"
        raise ProjectError(message, where=where, hint='take loss="squared", or shift the outcome in the spine')
    return loss


MOST_GRADES = 30
"""A ranking trainer gains 2^grade - 1 by a row in front: beyond this, one row outweighs all others."""


def ranked(outcomes: Outcomes, groups: Codes | None, *, where: str) -> tuple[Codes, Codes]:
    """The order that brings rows of one group together, shape (n,), and the groups' sizes.

    Raises:
        ProjectError: there are no groups, or outcomes are no grades of relevance (0, 1, 2 …).
    """
    if groups is None:
        raise ProjectError("it ranks rows within groups, and there are none", where=where)
    grades = outcomes.astype(np.float64)
    if ((grades < 0) | (grades > MOST_GRADES) | (grades != np.floor(grades))).any():
        hint = f"name grades in the spine: 0 for irrelevant, at most {MOST_GRADES} for the best"
        raise ProjectError("outcomes are no grades of relevance (0, 1, 2 …)", where=where, hint=hint)
    order = np.argsort(groups, kind="stable")
    return order, np.unique(groups, return_counts=True)[1]


def needs_classes(outcomes: Outcomes, *, where: str, hint: str) -> None:
    """Raise a ProjectError unless outcomes are yes and no, or classes, and differ."""
    all_known(outcomes, where=where)
    numbers = outcomes.dtype.kind == "f"
    require(not numbers, "it learns yes and no, or classes; this goal asks for numbers", where=where, hint=hint)
    varied(outcomes, where=where)


def needs_numbers(outcomes: Outcomes, *, where: str, hint: str) -> None:
    """Raise a ProjectError unless outcomes are numbers, and not all the same."""
    all_known(outcomes, where=where)
    asks = "yes or no" if outcomes.dtype == np.bool_ else "classes"
    numbers = outcomes.dtype.kind == "f"
    require(numbers, f"it learns numbers; this goal asks for {asks}", where=where, hint=hint)
    varied(outcomes, where=where)


def all_known(outcomes: Outcomes, *, where: str) -> None:
    """Raise a ProjectError, with counts, where outcomes are not known, for what learns from outcomes."""
    unknown = int(np.isnan(outcomes).sum()) if outcomes.dtype.kind == "f" else 0
    if unknown:
        raise ProjectError(
            f"it learns from outcomes, and {unknown:,} of {len(outcomes):,} training rows have none",
            where=where,
            hint="take IsolationForest(), which needs none, or leave those rows out of the spine",
        )


def varied(outcomes: Outcomes, *, where: str) -> None:
    """Raise a ProjectError, with counts, unless outcomes are known and differ."""
    all_known(outcomes, where=where)
    if len(outcomes) == 0 or np.ptp(outcomes.astype(np.float64)) == 0:
        what = f" have the outcome {outcomes[0]}" if len(outcomes) else ""
        raise ProjectError(
            f"all {len(outcomes):,} training rows{what}; nothing can be learned",
            where=where,
            hint="train on a longer time range, or check the outcome's definition",
        )
