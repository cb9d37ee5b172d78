"""Parity: that the service used the features and gave the scores that training would."""

from __future__ import annotations

from kreis.ways.tabular.parity_run import Parity, replay_parity
from kreis.workspace import Workspace

__all__ = ["prove_parity"]


def prove_parity(workspace: Workspace, *, rows: int) -> Parity:
    """Replay served predictions from the data, and compare. Changes nothing.

    Args:
        workspace: The project's folder.
        rows: How many predictions, drawn at random over the whole log.

    Raises:
        ProjectError: nothing has been served yet, or a table that a model reads is gone.
    """
    return replay_parity(workspace.load_project(), workspace, rows=rows)
