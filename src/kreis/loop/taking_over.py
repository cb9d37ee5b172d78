"""What a run takes over from an earlier one: the results of the disciplines before the one that it starts at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from kreis.disciplines import Discipline, up_to
from kreis.errors import ProjectError
from kreis.ledger import runs, steps
from kreis.ledger.records import Run, Step
from kreis.ledger.records import Verdict as VerdictRecord
from kreis.ledger.store import Ledger
from kreis.loop.path import discipline_named, path_of
from kreis.loop.planning import NeverComputedError, Planning
from kreis.loop.transitions import NEW_DATA
from kreis.loop.way import RunContext, Way
from kreis.workspace import Workspace

__all__ = ["TakenOver", "moment_of", "restored", "takeable", "takes_over"]

State = TypeVar("State")


@dataclass(frozen=True, kw_only=True)
class TakenOver:
    """What an earlier run left of the disciplines before one."""

    run: Run
    steps: list[Step]
    """In the order in which it used them."""
    verdicts: list[VerdictRecord]
    """The last one of each of those disciplines."""


def left_by(ledger: Ledger, run: Run, last: Discipline) -> TakenOver:
    """What a run left up to a discipline.

    Raises:
        ProjectError: it did not get through that discipline.
    """
    before = up_to(last)
    with ledger.read() as connection:
        verdicts = {each.discipline: each for each in runs.verdicts_of(connection, run.id)}
        used = steps.steps_of(connection, run.id)
    if last not in verdicts or verdicts[last].kind != "advance":
        raise ProjectError(f"run {run.id} did not get through {last}", where=ledger.where, hint="kreis show run")
    end = max((use.position for use, step in used if step.discipline in before), default=0)
    return TakenOver(
        run=run,
        steps=[step for use, step in used if use.position <= end],
        verdicts=[verdicts[each] for each in before if each in verdicts],
    )


def moment_of(way: Way[Any], workspace: Workspace, as_of: str, *, until: str, start_at: str) -> datetime:
    """The moment that a run is walked for: the given one; else, where it starts behind collection, that of the data
    that were prepared last; else that of `kreis.toml`, or the start of today.

    Raises:
        ProjectError: no time, or no discipline of this name.
    """
    _, first = path_of(way, until, start_at)
    if first is not None and takes_over(way, first) and not as_of:
        run = _run_before(way, workspace, first, None)
        return workspace.moment("") if run is None else run.as_of
    return workspace.moment(as_of)


def takes_over(way: Way[Any], first: Discipline) -> bool:
    """Whether a run that starts at a discipline takes over what comes before it."""
    return first not in NEW_DATA and first != next(iter(way.performs))


def takeable(
    way: Way[Any], workspace: Workspace, first: Discipline, as_of: datetime
) -> tuple[TakenOver | None, str | None]:
    """What a run as of a moment can take over before a discipline; and why not, in words.

    Whether it is still what the project declares is seen by planning, which knows what that run left and nothing else:
    nothing of it may have to be computed. Collected data are taken as they are.
    """
    run = _run_before(way, workspace, first, as_of)
    if run is None:
        return None, f"no run as of {as_of:%Y-%m-%d %H:%M} got as far as {first}: all before it is walked"
    found = left_by(workspace.ledger, run, _before(way, first))
    memory = Planning(workspace.ledger, libraries=way.libraries, among=found.steps)
    context = RunContext(workspace=workspace, as_of=as_of, run=run.id, memory=memory)
    between = [each for each in up_to(_before(way, first)) if each in way.performs and each not in NEW_DATA]
    try:
        state = way.restore(context, first, found.steps)
        for discipline in between:
            way.performs[discipline](state)
    except NeverComputedError as error:
        return None, f"run {run.id} made no {error}: all before {first} is walked"
    except ProjectError as error:
        return None, f"run {run.id} cannot be gone on from ({error.message}): all before {first} is walked"
    for step in memory.planned:
        if step.fate == "computed":
            return None, f"{step.name} is not what it was in run {run.id} ({step.why[0]}): all before {first} is walked"
    return found, None


def restored(way: Way[State], workspace: Workspace, *, before: str, run: str = "") -> State:
    """The state that a run left before a discipline.

    Args:
        way: As declared now.
        workspace: Where.
        before: A discipline.
        run: Whose; the last run that got as far if not given.

    Raises:
        ProjectError: there is none, or it did not make what the project now declares.
    """
    discipline = discipline_named(way, before)
    last = _before(way, discipline)
    with workspace.ledger.read() as connection:
        found = runs.get_run(connection, run) if run else runs.last_run_through(connection, way.project, last)
    if found is None:
        where = str(workspace.folder)
        raise ProjectError(f"no run got through {last} yet", where=where, hint=f"kreis run --until {last}")
    memory = Planning(workspace.ledger, libraries=way.libraries)
    context = RunContext(workspace=workspace, as_of=found.as_of, run=found.id, memory=memory)
    return way.restore(context, discipline, left_by(workspace.ledger, found, last).steps)


def _run_before(way: Way[Any], workspace: Workspace, first: Discipline, as_of: datetime | None) -> Run | None:
    with workspace.ledger.read() as connection:
        return runs.last_run_through(connection, way.project, _before(way, first), as_of=as_of)


def _before(way: Way[Any], discipline: Discipline) -> Discipline:
    """The discipline that a way performs before one."""
    performed = list(way.performs)
    return performed[max(performed.index(discipline) - 1, 0)]
