"""Where a project stands, as a plain document."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.ledger import alerts, models, releases, runs
from kreis.workspace import Workspace

__all__ = ["status_document"]

_RUNS = 5


def status_document(workspace: Workspace) -> dict[str, Any]:
    """What is in service, the last runs, the last one's verdicts, and the open alerts."""
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=_RUNS)
        project = last[0].project if last else None
        release = releases.current_release(connection, project) if project else None
        routes = []
        for route in release.routes if release else []:
            model = models.get_model(connection, route.model)
            routes.append({**msgspec.structs.asdict(route), "candidate": model.candidate, "version": model.version})
        verdicts = runs.verdicts_of(connection, last[0].id) if last else []
        open_alerts = alerts.list_alerts(connection, open_only=True)
    return {
        "project": project,
        "folder": str(workspace.folder),
        "release": {**msgspec.structs.asdict(release), "routes": routes} if release else None,
        "runs": [msgspec.structs.asdict(run) for run in last],
        "verdicts": [msgspec.structs.asdict(verdict) for verdict in verdicts],
        "alerts": [msgspec.structs.asdict(alert) for alert in open_alerts],
    }
