"""`kreis run`: walk a project's way through the circle."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from kreis.loop.machine import RunResult, discipline_named, walk
from kreis.loop.observer import Observer
from kreis.loop.verdicts import Discipline
from kreis.project import Project
from kreis.ways.choice import way_of
from kreis.workspace import Workspace

__all__ = ["discipline_of", "run_circle"]


def run_circle(
    project: Project,
    workspace: Workspace,
    *,
    as_of: datetime,
    until: str = "deployment",
    start: str = "requirements",
    trigger: str = "manual",
    accept: Collection[str] = (),
    observer: Observer | None = None,
) -> RunResult[Any]:
    """Walk the circle as of a moment: nothing known later is used. See `kreis.loop.machine.walk`.

    `accept` names the sources of which the actor accepts that many rows known before are gone or otherwise.
    """
    way = way_of(project, accept)
    return walk(way, workspace, as_of=as_of, until=until, start=start, trigger=trigger, observer=observer)


def discipline_of(project: Project, name: str) -> Discipline:
    """A discipline that a run of the project walks, by name.

    Raises:
        ProjectError: there is none of this name.
    """
    return discipline_named(way_of(project), name)
