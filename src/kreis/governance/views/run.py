"""A run: what each discipline concluded, and the steps and candidates that it rests on."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.governance.views.as_they_stand import as_they_stand
from kreis.governance.views.candidate import CandidateView, candidates_of
from kreis.governance.views.logged import LoggedView, logged_of
from kreis.ledger import runs, steps
from kreis.ledger.records import Run
from kreis.workspace import Workspace

__all__ = ["RunView", "StepView", "VerdictView", "run_view"]


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """What a discipline concluded."""

    round: int = 1
    discipline: str
    kind: str
    to: str | None
    reason: str
    detail: dict[str, Any]


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A finished unit of work."""

    discipline: str
    name: str
    remembered: bool
    seconds: float
    """That it took when it was computed."""
    key: str
    """The beginning of it."""


class RunView(Run, frozen=True, kw_only=True):
    """A run with all that it rests on."""

    verdicts: list[VerdictView]
    steps: list[StepView]
    candidates: list[CandidateView]
    logged: LoggedView


def run_view(workspace: Workspace, name: str) -> RunView:
    """A run by the beginning of its identifier; the last one without a name.

    Raises:
        ProjectError: no such run, or none yet.
    """
    with workspace.ledger.read() as connection:
        if name:
            run = runs.get_run(connection, name)
        else:
            last = runs.list_runs(connection, limit=1)
            if not last:
                raise ProjectError("nothing has run yet", where=str(workspace.folder), hint="kreis run")
            run = last[0]
        (run,) = as_they_stand(workspace, [run])
        return RunView(
            **msgspec.structs.asdict(run),
            verdicts=[
                msgspec.convert(each, VerdictView, from_attributes=True)
                for each in runs.verdicts_of(connection, run.id)
            ],
            steps=[
                StepView(
                    discipline=step.discipline,
                    name=step.name,
                    remembered=use.remembered,
                    seconds=round(step.seconds, 2),
                    key=step.key[:12],
                )
                for use, step in steps.steps_of(connection, run.id)
            ],
            candidates=candidates_of(connection, run),
            logged=logged_of(workspace, connection, run),
        )
