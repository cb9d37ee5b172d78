"""What a project is for, as its user declares it."""

from __future__ import annotations

from kreis.declarations import ProjectPart, users_line
from kreis.errors import ProjectError
from kreis.requirements.goal import Goal
from kreis.tasks.task import metric_named

__all__ = ["Purpose"]


class Purpose(ProjectPart):
    """A name and a goal."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        """Declare a project.

        Args:
            name: Letters, digits and hyphens.
            goal: What it is for.

        Raises:
            ProjectError: the name holds anything else, or a guardrail names a metric that does not exist.
        """
        if not name or not name.replace("-", "").isalnum() or not name.isascii():
            raise ProjectError(
                f"{name!r} cannot name a project", where=users_line(), hint="use letters, digits and hyphens"
            )
        super().__init__(name)
        self.goal = goal
        self._check_guardrails(users_line())

    def check(self) -> None:
        """Check that every guardrail names a metric."""
        super().check()
        self._check_guardrails(self._file)

    def _check_guardrails(self, where: str) -> None:
        for guardrail in self.goal.guardrails:
            metric_named(guardrail.metric, self.goal.task, where=f"{where}, Guardrail({guardrail.metric!r})")
