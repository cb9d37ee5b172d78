"""Runs as they stand: one on record as running may be gone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kreis.ledger import runs
from kreis.ledger.records import Run
from kreis.workspace import Workspace

__all__ = ["as_they_stand"]


def as_they_stand(workspace: Workspace, found: Sequence[Run]) -> list[Run]:
    """Runs that are on record as running, and whose process is gone, as interrupted; the others as they are."""
    if all(run.status != "running" for run in found) or workspace.run_is_at_work():
        return list(found)
    with workspace.ledger.read() as connection:  # again: one may have ended before its lock was looked at
        known = [runs.get_run(connection, run.id) for run in found]
    return [msgspec.structs.replace(run, status="interrupted") if run.status == "running" else run for run in known]
