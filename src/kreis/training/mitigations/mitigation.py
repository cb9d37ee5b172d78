"""What every mitigation has, and the values of decisions by which thresholds are chosen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, Protocol, TypeAlias

from kreis.errors import ProjectError
from kreis.tasks.task import Task

__all__ = ["Favourable", "Mitigation", "check_because", "check_yes_no"]

Favourable: TypeAlias = Literal["positive", "negative"]


class Mitigation(Protocol):
    """What is done so that groups are treated more alike: a frozen struct, whose fields are how."""

    @property
    def because(self) -> str:
        """Why it was chosen: an auditor will ask."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """As a JSON document: part of a step's key, and of the package."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the rows that it needs while it learns, beside the features."""
        ...

    def for_goal(self, favourable: Favourable | None) -> Mitigation:
        """With what the goal says of which decision is the good one.

        Raises:
            ProjectError: it needs that, and the goal does not say.
        """
        ...

    def check(self, task: Task, features: Collection[str], categories: Collection[str]) -> None:
        """See that it fits the goal and the features.

        Args:
            task: What is asked.
            features: Those that the candidate uses.
            categories: All features that are categories.

        Raises:
            ProjectError: it does not.
        """
        ...


def check_because(because: str, *, where: str) -> None:
    """See that there is a reason.

    Raises:
        ProjectError: there is none.
    """
    if not because.strip():
        hint = 'say why in one sentence: because="women were granted loans 0.6 times as often"'
        raise ProjectError("the mitigation has no reason", where=where, hint=hint)


def check_yes_no(task: Task, *, where: str) -> None:
    """See that the goal asks for yes or no.

    Raises:
        ProjectError: it does not.
    """
    if task.loss.name != "log" or task.loss.outputs > 1:
        raise ProjectError("thresholds decide yes or no, and this goal asks for something else", where=where)
