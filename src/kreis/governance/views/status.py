"""Where a project stands."""

from __future__ import annotations

import msgspec

from kreis.governance.views.as_they_stand import as_they_stand
from kreis.governance.views.release import RouteView, routes_of
from kreis.ledger import alerts, models, releases, runs
from kreis.ledger.records import Alert, Release, Run, Verdict
from kreis.workspace import Workspace

__all__ = ["InService", "StatusView", "status_view"]

_RUNS = 5


class InService(Release, frozen=True, kw_only=True):
    """The current release, with what its models are called."""

    routes: list[RouteView]  # type: ignore[assignment]  # a list is read only here


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in service, the last runs, the last one's verdicts, and the open alerts."""

    project: str | None
    """None before the first run."""
    folder: str
    release: InService | None
    runs: list[Run]
    verdicts: list[Verdict]
    alerts: list[Alert]


def status_view(workspace: Workspace) -> StatusView:
    """Where a project stands."""
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=_RUNS)
        project = last[0].project if last else None
        release = releases.current_release(connection, project) if project else None
        known = {
            route.model: models.get_model(connection, route.model) for route in (release.routes if release else [])
        }
        verdicts = runs.verdicts_of(connection, last[0].id) if last else []
        open_alerts = alerts.list_alerts(connection, open_only=True)
    in_service = None
    if release is not None:
        in_service = InService(**{**msgspec.structs.asdict(release), "routes": routes_of(release, known)})
    return StatusView(
        project=project,
        folder=str(workspace.folder),
        release=in_service,
        runs=as_they_stand(workspace, last),
        verdicts=verdicts,
        alerts=open_alerts,
    )
