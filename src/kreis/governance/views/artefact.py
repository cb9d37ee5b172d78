"""A file that a run kept, or the list of those of the last run."""

from __future__ import annotations

import msgspec

from kreis.errors import ProjectError
from kreis.governance.views.logged import LoggedArtefact, logged_of
from kreis.governance.views.release import project_of
from kreis.ledger import runs
from kreis.workspace import Workspace

__all__ = ["ArtefactView", "ArtefactsView", "artefact_bytes", "artefact_view"]

_RUNS = 100
"""The newest ones, in which a file is looked for."""


class ArtefactView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a step of a run kept."""

    run: str
    artefact: LoggedArtefact
    text: str | None
    """What it holds; None where it is no text."""


class ArtefactsView(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a run."""

    run: str
    artefacts: list[LoggedArtefact]


def artefact_view(workspace: Workspace, name: str) -> ArtefactView | ArtefactsView:
    """A file that a run kept; the list of those of the last run without a name.

    Args:
        workspace: Whose runs.
        name: The beginning of its digest, or its name as the newest run has it: "answers of passage.jsonl".

    Raises:
        ProjectError: none of the last hundred runs kept one of this name, or it is no longer there.
    """
    known: list[str] = []
    with workspace.ledger.read() as connection:
        listed = runs.list_runs(connection, project_of(connection, workspace), limit=_RUNS)
        for run in listed:
            kept = logged_of(workspace, connection, run).artefacts
            if not name:
                return ArtefactsView(run=run.id, artefacts=kept)
            known += [each.name for each in kept if each.name not in known]
            for each in kept:
                if each.name == name or (len(name) >= 6 and each.digest.startswith(name)):
                    return ArtefactView(run=run.id, artefact=each, text=_text(workspace, each))
    if not name:
        return ArtefactsView(run="", artefacts=[])
    raise ProjectError.unknown_name("artefact", name, known, where="what the last runs kept")


def artefact_bytes(workspace: Workspace, artefact: LoggedArtefact) -> bytes:
    """What it holds.

    Raises:
        ProjectError: it is no longer there.
    """
    if not workspace.artifacts.has(artefact.digest):
        hint = "an erasure takes away what it stood in; run the step again to keep it anew"
        raise ProjectError("it is no longer there", where=f"artefact {artefact.name!r}", hint=hint)
    return workspace.artifacts.get(artefact.digest)


def _text(workspace: Workspace, artefact: LoggedArtefact) -> str | None:
    try:
        return artefact_bytes(workspace, artefact).decode()
    except UnicodeDecodeError:
        return None
