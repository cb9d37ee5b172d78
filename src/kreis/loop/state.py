"""What the disciplines of one run share: the project, the stores, and what earlier disciplines left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kreis.errors import ProjectError
from kreis.loop.steps import Memory, StepResult
from kreis.loop.workspace import Workspace
from kreis.project import Project

__all__ = ["Circle"]


@dataclass(kw_only=True)
class Circle:
    """One run's state."""

    project: Project
    workspace: Workspace
    as_of: datetime
    run: str
    memory: Memory
    tables: dict[str, StepResult] = field(default_factory=dict)
    """Outputs by source or table name: {"table", "version", "fingerprint", "rows"}."""
    features: dict[str, StepResult] = field(default_factory=dict)
    """Outputs by view name: the table with that view's features, aligned with the spine."""
    candidates: dict[str, StepResult] = field(default_factory=dict)
    """Outputs by candidate name."""
    evaluation: StepResult | None = None

    @property
    def moment(self) -> str:
        """The run's as-of moment as text, for step parameters."""
        return self.as_of.isoformat()

    def version_of(self, name: str) -> str:
        """A table's version and fingerprint, as an input of a step."""
        outputs = self.tables[name].outputs
        return f"{outputs['version']}@{outputs['fingerprint']}"

    def evaluated(self) -> dict[str, Any]:
        """What evaluation left.

        Raises:
            ProjectError: evaluation has not been walked.
        """
        if self.evaluation is None:
            raise ProjectError("nothing has been evaluated in this run")
        return self.evaluation.outputs
