"""Candidates and models side by side, and of two of them what differs."""

from __future__ import annotations

import msgspec

from kreis.governance.views.candidate import CandidateView, candidate_view, last_candidates
from kreis.governance.views.differences import DifferencesView, differences_of
from kreis.governance.views.logged import logged_of
from kreis.ledger import runs
from kreis.workspace import Workspace

__all__ = ["CandidatesView", "comparison", "images_of"]


class CandidatesView(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates side by side."""

    candidates: list[CandidateView]
    differences: DifferencesView | None = None
    """Where two are compared: what differs."""


def comparison(workspace: Workspace, names: list[str]) -> CandidatesView:
    """Candidates side by side; all of the last run that trained any if none is named.

    Raises:
        ProjectError: there is none of a name.
    """
    if not names:
        return CandidatesView(candidates=last_candidates(workspace))
    found = [candidate_view(workspace, name) for name in names]
    differ = differences_of(workspace, *found) if len(found) == 2 else None
    return CandidatesView(candidates=found, differences=differ)


def images_of(workspace: Workspace, view: CandidatesView) -> dict[str, bytes]:
    """The plots that the training of the candidates kept, by candidate and name."""
    found: dict[str, bytes] = {}
    with workspace.ledger.read() as connection:
        for each in view.candidates:
            logged = logged_of(workspace, connection, runs.get_run(connection, each.run))
            for kept in logged.artefacts:
                if kept.step == each.name and kept.name.endswith((".svg", ".png")):
                    found[f"{each.run[:13]}/{each.name}: {kept.name}"] = workspace.artifacts.get(kept.digest)
    return found
