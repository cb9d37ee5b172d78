"""What the disciplines of one run share: the project, the stores, and what earlier disciplines left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kreis.disciplines import Discipline
from kreis.errors import ProjectError
from kreis.evaluation.choice import Choice, Contender, choose
from kreis.ledger.records import Step
from kreis.loop.steps import Memory, Output, StepResult, result_of
from kreis.loop.way import RunContext
from kreis.project import Project
from kreis.training.train import TrainedCandidate
from kreis.ways.results import CollectedSource, Judged, Trained
from kreis.workspace import Workspace

__all__ = ["Made", "WayState"]


@dataclass(kw_only=True)
class WayState:
    """One run's state, as far as all ways have it."""

    project: Project
    context: RunContext
    accept: frozenset[str] = frozenset()
    """Sources of which the actor accepts that many known rows are gone or changed."""
    sources: dict[str, StepResult[CollectedSource]] = field(default_factory=dict)
    candidates: dict[str, StepResult[Trained]] = field(default_factory=dict)
    evaluation: StepResult[Judged] | None = None

    @property
    def workspace(self) -> Workspace:
        """The stores."""
        return self.context.workspace

    @property
    def as_of(self) -> datetime:
        """The run's moment: nothing known later is used."""
        return self.context.as_of

    @property
    def moment(self) -> str:
        """The same as text, for step parameters."""
        return self.context.moment

    @property
    def run(self) -> str:
        """The run's id."""
        return self.context.run

    @property
    def memory(self) -> Memory:
        """Computes steps, or remembers them."""
        return self.context.memory

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all that candidates are made from, as inputs of a step."""
        return {name: step.output.pin for name, step in self.sources.items()}

    @property
    def choice(self) -> Choice:
        """Which candidate goes on to evaluation, by how all did on the validation part."""
        return self._choice(lambda trained: (trained.validation["value"], trained.validation_blocks))

    def _choice(self, did: Callable[[TrainedCandidate], tuple[float, list[tuple[float, int]]]]) -> Choice:
        contenders = {}
        for name, (complexity, baseline) in self.project.contenders.items():
            value, blocks = did(self.candidates[name].output.candidate)
            contenders[name] = Contender(
                name=name, value=value, blocks=blocks, complexity=complexity, baseline=baseline
            )
        return choose(contenders, self.project.goal.metric.unit)

    @property
    def judged(self) -> Judged:
        """What evaluation left.

        Raises:
            ProjectError: evaluation has not been walked.
        """
        if self.evaluation is None:
            raise ProjectError("nothing has been evaluated in this run")
        return self.evaluation.output


class Made:
    """The steps that a run made, by discipline and name."""

    def __init__(self, context: RunContext, steps: Sequence[Step]) -> None:
        self._context = context
        self._steps = {(step.discipline, step.name): step for step in steps}

    def step(self, discipline: Discipline, name: str, kind: type[Output]) -> StepResult[Output]:
        """One of them, as a run that remembers it has it.

        Raises:
            ProjectError: there is none.
        """
        if (discipline, name) not in self._steps:
            where = str(self._context.workspace.folder)
            hint = "the project has changed: kreis run"
            raise ProjectError(f"run {self._context.run} has no {name!r}", where=where, hint=hint)
        return result_of(self._steps[discipline, name], kind)

    def last(self, discipline: Discipline, kind: type[Output]) -> StepResult[Output]:
        """The last one of a discipline.

        Raises:
            ProjectError: there is none.
        """
        return self.step(discipline, next((name for of, name in reversed(self._steps) if of == discipline), ""), kind)
