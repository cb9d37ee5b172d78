"""What a run would compute, and why; nothing is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from kreis.disciplines import Discipline
from kreis.loop.path import check_moment, path_of, recomputed
from kreis.loop.planning import NeverComputedError, PlannedStep, Planning
from kreis.loop.taking_over import takeable, takes_over
from kreis.loop.verdicts import Advance, in_words
from kreis.loop.way import RunContext, Way
from kreis.workspace import Workspace

__all__ = ["Plan", "plan"]

State = TypeVar("State")


class Plan(msgspec.Struct, kw_only=True):
    """What a run would compute, and why."""

    as_of: datetime
    taken_over: str | None = None
    """The run whose results the disciplines before the first would be taken from."""
    notes: list[str] = []
    steps: list[PlannedStep] = []
    ends: str | None = None
    """The discipline and verdict that would end it, where nothing has changed since it was given."""
    unforeseen: list[Discipline] = []
    """Disciplines of which nothing can be said before others have been computed for the first time."""
    announced: dict[Discipline, str] = {}
    """What those that act on the world would do."""


def plan(
    way: Way[Any], workspace: Workspace, *, as_of: datetime, until: str = "deployment", start_at: str = ""
) -> Plan:
    """What `kreis.loop.machine.walk` would compute, and why; nothing is done.

    Raises:
        ProjectError: the declaration is wrong, or the moment is in the future.
    """
    path, first = path_of(way, until, start_at)
    check_moment(workspace, as_of)
    found = Plan(as_of=as_of)
    memory = Planning(workspace.ledger, libraries=way.libraries, recompute=recomputed(first))
    context = RunContext(workspace=workspace, as_of=as_of, run="", memory=memory)
    state = way.begin(context)
    if first is not None and takes_over(way, first):
        taken, why = takeable(way, workspace, first, as_of)
        found.notes += [why] if why else []
        if taken is not None:
            found.taken_over, path = taken.run.id, path[path.index(first) :]
            state = way.restore(context, first, taken.steps)
    _plan(way, state, path, found, memory)
    found.steps = memory.planned
    return found


def _plan(way: Way[State], state: State, path: Sequence[Discipline], found: Plan, memory: Planning) -> None:
    for place, discipline in enumerate(path):
        if discipline in way.announces:
            found.announced[discipline] = way.announces[discipline](state)
            continue
        try:
            verdict = way.performs[discipline](state)
        except NeverComputedError:
            found.unforeseen = list(path[place:])
            return
        if not isinstance(verdict, Advance) and not memory.changes:
            found.ends = f"{discipline}: {in_words(verdict)}"
            return
