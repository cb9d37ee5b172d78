"""Alerts as people go through them: one line for each cause, page by page."""

from __future__ import annotations

from datetime import datetime

import msgspec

from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.workspace import Workspace

__all__ = ["AlertLine", "AlertsView", "alert_view", "alerts_view"]

_PAGE = 20


class AlertLine(Alert, frozen=True, kw_only=True):
    """The last alert of a cause, and how many there were."""

    times: int
    first_at: datetime


class AlertsView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of alerts, the newest first."""

    alerts: list[AlertLine]
    causes: int
    """On all pages."""
    page: int
    pages: int
    open_only: bool


def alerts_view(
    workspace: Workspace,
    *,
    open_only: bool = False,
    monitor: str | None = None,
    since: datetime | None = None,
    page: int = 1,
) -> AlertsView:
    """A page of alerts, the newest first; of each cause the last alert, and how many there were.

    Args:
        workspace: Where.
        open_only: Only those whose cause lasts.
        monitor: Of this monitor, or of all of this kind.
        since: Raised at this moment or later.
        page: Which one, from 1 on.
    """
    with workspace.ledger.read() as connection:
        found = alerts.list_alerts(connection, open_only=open_only, monitor=monitor, since=since)
    causes: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in found:
        causes.setdefault((alert.project, alert.monitor, alert.cause or ""), []).append(alert)
    lines = [
        AlertLine(**msgspec.structs.asdict(each[0]), times=len(each), first_at=each[-1].at) for each in causes.values()
    ]
    return AlertsView(
        alerts=lines[(page - 1) * _PAGE : page * _PAGE],
        causes=len(lines),
        page=page,
        pages=max(-(-len(lines) // _PAGE), 1),
        open_only=open_only,
    )


def alert_view(workspace: Workspace, name: str) -> Alert | AlertsView:
    """One alert by the beginning of its identifier; the first page of all without a name.

    Raises:
        ProjectError: no such alert.
    """
    if not name:
        return alerts_view(workspace)
    with workspace.ledger.read() as connection:
        return alerts.get_alert(connection, name)
