"""What the disciplines of one run share: the project, the stores, and what earlier disciplines left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kreis.errors import ProjectError
from kreis.ledger import runs, steps
from kreis.loop.steps import Memory, StepResult
from kreis.project import Project
from kreis.workspace import Workspace

__all__ = ["Circle", "prepared_in"]


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


def prepared_in(project: Project, workspace: Workspace, run: str = "") -> Circle:
    """The state that a run left after preparation, read back from the record.

    Args:
        project: As declared now.
        workspace: Where.
        run: Whose; the last run that got through preparation if not given.

    Raises:
        ProjectError: there is none, or it did not prepare what the project now declares.
    """
    where = str(workspace.folder)
    with workspace.ledger.read() as connection:
        chosen = [runs.get_run(connection, run)] if run else runs.list_runs(connection, project.name)
        for each in chosen:
            verdicts = {verdict.discipline: verdict.kind for verdict in runs.verdicts_of(connection, each.id)}
            if verdicts.get("preparation") == "advance":
                made = {step.name: step for _, step in steps.steps_of(connection, each.id)}
                break
        else:
            raise ProjectError("nothing is prepared yet", where=where, hint="kreis run --until preparation")

    def remembered(name: str) -> StepResult:
        if name not in made:
            raise ProjectError(f"run {each.id} has no {name!r}", where=where, hint="the project has changed: kreis run")
        step = made[name]
        return StepResult(
            key=step.key, discipline=step.discipline, name=name, outputs=step.outputs, remembered=True, seconds=0.0
        )

    views = [*project.views, *project.request_views]
    return Circle(
        project=project,
        workspace=workspace,
        as_of=each.as_of,
        run=each.id,
        memory=Memory(workspace.ledger, run=each.id, actor=workspace.actor, libraries={}),
        tables={name: remembered(name) for name in [*project.sources, *project.tables]},
        features={name: remembered(f"features {name}") for name in views},
    )
