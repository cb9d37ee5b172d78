"""What the machine asks of a way: what a kind of project does in each discipline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from kreis.disciplines import Discipline
from kreis.ledger.records import Document, Step
from kreis.loop.steps import Memory
from kreis.loop.verdicts import SendBack, Verdict
from kreis.workspace import Workspace

__all__ = ["RunContext", "Way"]

State = TypeVar("State")


@dataclass(kw_only=True)
class RunContext:
    """What the machine hands to every discipline of a run."""

    workspace: Workspace
    as_of: datetime
    run: str
    memory: Memory
    round: int = 1
    sent_back: SendBack | None = None
    """The verdict that sent the work back last, so that a discipline can do better than before."""

    @property
    def moment(self) -> str:
        """The run's as-of moment as text, for step parameters."""
        return self.as_of.isoformat()


class Way(Protocol[State]):
    """A kind of project's way through the circle. `State` is what its disciplines leave for each other."""

    @property
    def project(self) -> str:
        """The project's name."""
        ...

    @property
    def goal(self) -> Document:
        """What it is for, as the record keeps it."""
        ...

    @property
    def performs(self) -> Mapping[Discipline, Callable[[State], Verdict]]:
        """What each discipline does, in the order of the circle; the others are not walked."""
        ...

    @property
    def announces(self) -> Mapping[Discipline, Callable[[State], str]]:
        """For a plan: what each discipline that acts on the world beside its steps would do, in a sentence."""
        ...

    @property
    def libraries(self) -> Mapping[Discipline, tuple[str, ...]]:
        """The distributions that compute a discipline's steps: another version of one, and they are computed again."""
        ...

    def begin(self, context: RunContext) -> State:
        """The state at a run's beginning."""
        ...

    def restore(self, context: RunContext, before: Discipline, steps: Sequence[Step]) -> State:
        """The state that the disciplines before one left, read back from a run's steps.

        Raises:
            ProjectError: the project now declares what that run did not make.
        """
        ...
