"""What all ways have that go the whole circle, from sources to releases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from kreis.disciplines import Discipline, up_to
from kreis.errors import ProjectError
from kreis.ledger.records import Document, Step
from kreis.loop.way import RunContext
from kreis.project import Project
from kreis.ways.deployment import announce
from kreis.ways.results import CollectedSource, Judged, Trained
from kreis.ways.state import Made, WayState

__all__ = ["WholeCircle"]

State = TypeVar("State", bound=WayState)


class WholeCircle(Generic[State]):
    """A project with sources, and what a run of it may accept.

    Args:
        project: As declared.
        accept: Sources of which the actor accepts that many known rows are gone or changed.

    Raises:
        ProjectError: there is no such source.
    """

    def __init__(self, project: Project, accept: Collection[str] = ()) -> None:
        for name in accept:
            if name not in project.sources:
                raise ProjectError.unknown_name("source", name, project.sources, where="--accept")
        self._project = project
        self._accept = frozenset(accept)

    @property
    def project(self) -> str:
        """The project's name."""
        return self._project.name

    @property
    def goal(self) -> Document:
        """The goal, as the record keeps it."""
        goal = self._project.goal
        body = msgspec.json.encode(goal.to_document(), order="sorted").decode()
        return Document(digest=goal.digest, kind="goal", name=self._project.name, body=body)

    @property
    def announces(self) -> Mapping[Discipline, Callable[[Any], str]]:
        """What deployment would do."""
        return {"deployment": announce}

    def begin(self, context: RunContext) -> State:
        """An empty state."""
        raise NotImplementedError

    def restore(self, context: RunContext, before: Discipline, steps: Sequence[Step]) -> State:
        """What the disciplines before one left, read back.

        Raises:
            ProjectError: the project now declares what the steps did not make.
        """
        made = Made(context, steps)
        state, project, earlier = self.begin(context), self._project, up_to(before)[:-1]
        if "collection" in earlier:
            state.sources = {name: made.step("collection", name, CollectedSource) for name in project.sources}
        if "preparation" in earlier:
            self._restore_preparation(state, made)
        if "training" in earlier:
            state.candidates = {name: made.step("training", name, Trained) for name in project.contenders}
        if "evaluation" in earlier:
            state.evaluation = made.last("evaluation", Judged)
        return state

    def _restore_preparation(self, state: State, made: Made) -> None:
        raise NotImplementedError
