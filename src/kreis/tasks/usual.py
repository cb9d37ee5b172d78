"""What most tasks have in common: frozen dataclasses are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.decisions import Scores
from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.task import Labels, Positive, Sanity

__all__ = ["KNOWN_ONLY", "UsualTask", "check_rows", "few_are_chance", "no_positive", "within_0_and_1"]

KNOWN_ONLY = "evaluate only on rows whose outcome is known"
"""What to do about rows without an outcome."""


class UsualTask:
    """A task whose outcomes must be known and are numbers, and whose raw output is the answer."""

    needs_outcomes: ClassVar[bool] = True
    across: ClassVar[Sequence[AcrossGroups]] = ()
    sanity: ClassVar[Sequence[Sanity]] = ()

    def labels(self, outcomes: Floats) -> Labels:
        """As they are."""
        return outcomes

    def answers(self, scores: Scores) -> Floats:
        """As they are."""
        return scores.astype(np.float64)

    def favoured(self, rows: Rows, favourable: str | None) -> Rows:
        """As they are: no decision is the favourable one."""
        return rows

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """None."""
        return []

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """None: a score is no probability."""
        return []


def within_0_and_1(scores: Scores) -> Floats:
    """Probabilities of several classes or labels: float32 ones may lie a rounding beyond. A rule's number stays."""
    given: Floats = np.asarray(scores, dtype=np.float64)
    return given.clip(0.0, 1.0) if given.ndim == 2 else given


def no_positive(positive: Positive, asks: str, *, where: str, hint: str = "leave positive out") -> None:
    """See that no value is said to mean yes, where the goal asks for something else.

    Raises:
        ProjectError: one is.
    """
    if positive is not None:
        message = f"positive={positive!r} names a value that means yes, and the goal asks for {asks}"
        raise ProjectError(message, where=where, hint=hint)


def check_rows(bad: npt.ArrayLike, what: str, values: npt.NDArray[Any], *, where: str, hint: str) -> None:
    """See that no row is bad.

    Args:
        bad: Which ones are, shape (n,).
        what: Is wrong with them: "scores are not probabilities".
        values: Of which the first bad one is shown, shape (n,) or (n, k).
        where: For the error.
        hint: What to do.

    Raises:
        ProjectError: one is, with its number.
    """
    found = np.flatnonzero(bad)
    if len(found):
        message = f"{len(found)} {what}, the first in row {found[0]}: {values[found[0]]}"
        raise ProjectError(message, where=where, hint=hint)


def few_are_chance(count: float, said: str, *, chosen: str = "", more: str = "more rows") -> list[str]:
    """That a choice among candidates is decided by chance, where fewer than `FEW` rows count; nothing else."""
    if count >= FEW:
        return []
    return [
        f"{said}: which candidate is best{chosen} is decided by chance below about {FEW}; collect {more}, or let"
        " validation be a larger share"
    ]
