"""Two answerers on the same questions: by how much the share of right answers differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate, mean_estimate
from kreis.governance.views.logged import logged_of
from kreis.ledger import runs
from kreis.ways.generative.asking import TRANSCRIPT
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from kreis.governance.views.candidate import CandidateView

__all__ = ["paired_answers"]


class _Line(msgspec.Struct):
    """Of a transcript."""

    right: bool
    question: str
    id: str = ""


def paired_answers(workspace: Workspace, first: CandidateView, second: CandidateView) -> Estimate:
    """By how much more often the second is right, question by question, on the test questions that both answered.

    Args:
        workspace: Where their transcripts lie.
        first: One.
        second: The other.

    Raises:
        ProjectError: a transcript is not there, or they have no question in common.
    """
    one, two = (_read(workspace, each) for each in (first, second))
    both = sorted(one.keys() & two.keys())
    if not both:
        raise ProjectError("no question was answered by both")
    differences = np.array([float(two[each]) - float(one[each]) for each in both])
    return mean_estimate(differences, np.arange(len(both)), bounds=(-1.0, 1.0))


def _read(workspace: Workspace, candidate: CandidateView) -> dict[str, bool]:
    """Whether it was right, by question."""
    with workspace.ledger.read() as connection:
        logged = logged_of(workspace, connection, runs.get_run(connection, candidate.run))
    name = f"{TRANSCRIPT}{candidate.name}.jsonl"
    digest = next((each.digest for each in logged.artefacts if each.name == name), "")
    if not digest or not workspace.artifacts.has(digest):
        raise ProjectError(f"what {candidate.name} answered in its evaluation is no longer there")
    lines = [msgspec.json.decode(line, type=_Line) for line in workspace.artifacts.get(digest).splitlines()]
    return {each.id or each.question: each.right for each in lines}
