"""What the disciplines of one run share: the project, the stores, and what earlier disciplines left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from kreis.errors import ProjectError
from kreis.ledger import runs, steps
from kreis.loop.steps import Memory, StepOutput, StepResult
from kreis.project import Project
from kreis.ways.tabular.results import BuiltTable, CollectedSource, JoinedFeatures, Judged, LakeTable, Trained
from kreis.workspace import Workspace

__all__ = ["TabularState", "prepared_in"]

Output = TypeVar("Output", bound=StepOutput)


@dataclass(kw_only=True)
class TabularState:
    """One run's state."""

    project: Project
    workspace: Workspace
    as_of: datetime
    run: str
    memory: Memory
    accept: frozenset[str] = frozenset()
    """Sources of which the actor accepts that many known rows are gone or otherwise."""
    sources: dict[str, StepResult[CollectedSource]] = field(default_factory=dict)
    tables: dict[str, StepResult[BuiltTable]] = field(default_factory=dict)
    features: dict[str, StepResult[JoinedFeatures]] = field(default_factory=dict)
    """By view name."""
    candidates: dict[str, StepResult[Trained]] = field(default_factory=dict)
    evaluation: StepResult[Judged] | None = None

    @property
    def moment(self) -> str:
        """The run's as-of moment as text, for step parameters."""
        return self.as_of.isoformat()

    @property
    def chosen(self) -> str:
        """The candidate worth most on the validation tail, which goes on to evaluation; a baseline only where there is
        nothing else.
        """
        declared = self.project.candidates
        contenders = [name for name in declared if not declared[name].baseline] or list(declared)
        return max(contenders, key=lambda name: self.candidates[name].output.candidate.validation["value"])

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all sources and tables, as inputs of a step."""
        return {name: self.version_of(name) for name in (*self.sources, *self.tables)}

    def table(self, name: str) -> LakeTable:
        """Where a source or table lies in the lake."""
        return self.sources[name].output if name in self.sources else self.tables[name].output

    def version_of(self, name: str) -> str:
        """A source's or table's version and fingerprint, as an input of a step."""
        return self.table(name).pin

    @property
    def judged(self) -> Judged:
        """What evaluation left.

        Raises:
            ProjectError: evaluation has not been walked.
        """
        if self.evaluation is None:
            raise ProjectError("nothing has been evaluated in this run")
        return self.evaluation.output


def prepared_in(project: Project, workspace: Workspace, run: str = "") -> TabularState:
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

    def remembered(name: str, kind: type[Output]) -> StepResult[Output]:
        if name not in made:
            raise ProjectError(f"run {each.id} has no {name!r}", where=where, hint="the project has changed: kreis run")
        step = made[name]
        return StepResult(
            key=step.key,
            discipline=step.discipline,
            name=name,
            output=kind.from_document(step.outputs),
            document=step.outputs,
            remembered=True,
            seconds=0.0,
        )

    views = [*project.views, *project.request_views]
    return TabularState(
        project=project,
        workspace=workspace,
        as_of=each.as_of,
        run=each.id,
        memory=Memory(workspace.ledger, run=each.id, actor=workspace.actor, libraries={}),
        sources={name: remembered(name, CollectedSource) for name in project.sources},
        tables={name: remembered(name, BuiltTable) for name in project.tables},
        features={name: remembered(f"features {name}", JoinedFeatures) for name in views},
    )
