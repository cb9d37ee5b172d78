"""Parity: that the service used the features and gave the scores that training would."""

from __future__ import annotations

from kreis.errors import ProjectError
from kreis.tasks.task import answers_questions
from kreis.ways.tabular.parity_run import Parity, replay_parity
from kreis.workspace import Workspace

__all__ = ["prove_parity"]


def prove_parity(workspace: Workspace, *, rows: int) -> Parity:
    """Replay served predictions from the data, and compare. Changes nothing.

    Args:
        workspace: The project's folder.
        rows: How many predictions, drawn at random over the whole log.

    Raises:
        ProjectError: nothing has been served yet, a table that a model reads is gone, or what is served are answers.
    """
    project = workspace.load_project()
    if answers_questions(project.goal.task):
        raise ProjectError(
            "there are no features to compare: it answers questions from an index that its package names by digest",
            where="kreis parity",
            hint="kreis why PREDICTION shows what an answer rested on",
        )
    return replay_parity(project, workspace, rows=rows)
