"""What a goal is measured by: what one decision was worth once its outcome is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["GoalMetric", "task_of"]


@runtime_checkable
class GoalMetric(Protocol):
    """What decisions are worth. The same object is used in evaluation, canary, A/B test and monitoring.

    `kreis.tasks.testing` holds the tests that every one passes.
    """

    @property
    def unit(self) -> str:
        """As shown: "EUR per 1,000 flights"."""
        ...

    @property
    def per(self) -> int:
        """How many decisions the unit is about: 1,000."""
        ...

    @property
    def task(self) -> Task:
        """The kind of question that it values answers to.

        A metric that values the answers to several kinds of question also has `tasks`, a sequence of them: this one
        first, and those that a goal must name (`Goal(task="anomaly detection")`).
        """
        ...

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """What each decision was worth, shape (n,): more is better, a cost is negative; NaN where the outcome is.

        In units of money, not yet times `per`. Decisions may come as numbers: 1 and 0 for yes and no.
        """
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one decision can be worth; infinite where nothing bounds it."""
        ...

    @property
    def most_at_stake(self) -> float:
        """The most that two decisions on the same case can differ by in value; infinite where nothing bounds it."""
        ...

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """The same of the decisions that two models took.

        Args:
            first: One model's decisions on some cases, shape (n,).
            second: Another's on the same cases.
        """
        ...

    def check(self) -> None:
        """See that it rewards what a goal asks for.

        Raises:
            ProjectError: right decisions are worth no more than wrong ones.
        """
        ...

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document; its "kind" names it."""
        ...


def task_of(metric: GoalMetric, name: str | None) -> Task:
    """The task that a goal asks for by name; the metric's own where it names none.

    Raises:
        ProjectError: the metric does not value answers of that kind.
    """
    if name is None:
        return metric.task
    fitting: Sequence[Task] = getattr(metric, "tasks", (metric.task,))
    found = {each.name: each for each in fitting}
    if name not in found:
        kind = type(metric).__name__
        raise ProjectError.unknown_name(f"task of {kind}", name, list(found), where=f"Goal(task={name!r})")
    return found[name]
