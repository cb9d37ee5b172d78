"""`kreis run` in a process of its own, for watching: what it loads and leaks ends with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from kreis.disciplines import Discipline
from kreis.errors import ServiceError
from kreis.loop.transitions import NEW_DATA
from kreis.workspace import Workspace

__all__ = ["CircleOutcome", "collect_in_child", "run_in_child"]


class CircleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended that watching started."""

    run: str
    status: str
    reason: str


def run_in_child(
    workspace: Workspace, *, simulated: bool = False
) -> Callable[[datetime, str, Discipline], CircleOutcome]:
    """A circle for an alert: as of now where new data are asked for, else on the data that were prepared last."""

    def circle(now: datetime, trigger: str, to: Discipline) -> CircleOutcome:
        whole = to in NEW_DATA or to == "monitoring"
        given = ["--as-of", now.isoformat()] if whole else ["--start-at", to]
        given += ["--present", now.isoformat()] if simulated else []
        return _run(workspace, [*given, "--trigger", trigger])

    return circle


def collect_in_child(workspace: Workspace) -> Callable[[datetime], CircleOutcome]:
    """New data, as far as the service needs them: known by the last full hour, or by the day that kreis.toml names."""

    def collect(now: datetime) -> CircleOutcome:
        hour = now.replace(minute=0, second=0, microsecond=0)
        as_of = [] if workspace.settings.clock.as_of else ["--as-of", hour.isoformat()]
        return _run(workspace, ["--until", "preparation", *as_of])

    return collect


def _run(workspace: Workspace, given: Sequence[str]) -> CircleOutcome:
    """Raises a ServiceError where the process ended without saying how."""
    done = subprocess.run(
        [sys.executable, "-m", "kreis", "run", *given, "--json"],
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ServiceError(
            "the circle's process ended without a result",
            where=str(workspace.folder),
            hint=done.stderr.strip()[-2000:] or f"exit code {done.returncode}",
        ) from error
    if "error" in document:
        said = document["error"]
        return CircleOutcome(run="", status="failed", reason=f"{said['where'] or ''} {said['message']}".strip())
    last = document["verdicts"][-1]
    return CircleOutcome(
        run=document["run"], status=document["status"], reason=last.get("summary") or last.get("reason", "")
    )
