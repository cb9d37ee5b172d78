"""Releases by a person's hand: going back to an earlier one."""

from __future__ import annotations

from kreis.ledger.records import Release
from kreis.workspace import Workspace

__all__ = ["roll_back"]


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
