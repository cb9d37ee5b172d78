"""`kreis run`: walk a project's way through the circle, or say what that would compute."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from kreis.loop import machine, plan, taking_over
from kreis.loop.observer import Observer
from kreis.project import Project
from kreis.ways.choice import way_of
from kreis.workspace import Workspace

__all__ = ["moment_of", "plan_circle", "run_circle"]


def run_circle(
    project: Project,
    workspace: Workspace,
    *,
    as_of: datetime,
    until: str = "deployment",
    start_at: str = "",
    trigger: str = "manual",
    accept: Collection[str] = (),
    observer: Observer | None = None,
) -> machine.RunResult[Any]:
    """Walk the circle as of a moment: nothing known later is used. See `kreis.loop.machine.walk`.

    `accept` names the sources of which the actor accepts that many rows known before are gone or changed.
    """
    way = way_of(project, accept)
    return machine.walk(way, workspace, as_of=as_of, until=until, start_at=start_at, trigger=trigger, observer=observer)


def plan_circle(
    project: Project, workspace: Workspace, *, as_of: datetime, until: str = "deployment", start_at: str = ""
) -> plan.Plan:
    """What `run_circle` would compute, and why; nothing is done."""
    return plan.plan(way_of(project), workspace, as_of=as_of, until=until, start_at=start_at)


def moment_of(
    project: Project, workspace: Workspace, as_of: str, *, until: str = "deployment", start_at: str = ""
) -> datetime:
    """The moment that a run is walked for. See `kreis.loop.taking_over.moment_of`."""
    return taking_over.moment_of(way_of(project), workspace, as_of, until=until, start_at=start_at)
