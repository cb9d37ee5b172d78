"""Releases by a person's hand: a canary planned, and the way back to an earlier one."""

from __future__ import annotations

from kreis.deployment.canary_plan import CanaryPlan
from kreis.ledger.records import Release
from kreis.ways.choice import comparing
from kreis.ways.planning import plan_now
from kreis.workspace import Workspace

__all__ = ["plan_canary", "roll_back"]


def plan_canary(workspace: Workspace, *, per_day: float | None = None, differing: float | None = None) -> CanaryPlan:
    """Say what the declared canary can show against what is in service, and when. Changes nothing.

    Args:
        workspace: The project's folder.
        per_day: Requests a day; as in the last week if not given.
        differing: Share of decisions in which the two models differ; as seen, or a tenth, if not given.

    Raises:
        ProjectError: nothing is in service, there is no traffic, or no canary is declared.
    """
    project = workspace.load_project()
    return plan_now(project, workspace, comparing(project), per_day=per_day, differing=differing)


def roll_back(workspace: Workspace, *, reason: str, to: int | None = None) -> Release:
    """Put an earlier release back in service, as a new release.

    Args:
        workspace: The project's folder.
        reason: Why.
        to: Number of the release to go back to; the one before the newest model came if not given.

    Raises:
        ProjectError: there is nothing to go back to.
    """
    releases = workspace.releases(workspace.load_project().name)
    return releases.roll_back(actor=workspace.actor, reason=reason, to=to)
