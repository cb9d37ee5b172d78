"""Alerts as people go through them: one line for each cause, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.workspace import Workspace

__all__ = ["alerts_document"]

_PAGE = 20


def alerts_document(
    workspace: Workspace, *, open_only: bool, monitor: str | None = None, since: datetime | None = None, page: int = 1
) -> dict[str, Any]:
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
        {**msgspec.structs.asdict(each[0]), "times": len(each), "first_at": each[-1].at} for each in causes.values()
    ]
    pages = max(-(-len(lines) // _PAGE), 1)
    return {
        "alerts": lines[(page - 1) * _PAGE : page * _PAGE],
        "causes": len(lines),
        "page": page,
        "pages": pages,
        "open_only": open_only,
    }
