"""Alerts: that a person has seen one."""

from __future__ import annotations

from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.workspace import Workspace

__all__ = ["acknowledge"]


def acknowledge(workspace: Workspace, alert: str, because: str) -> Alert:
    """Record that whoever acts has seen an alert. It stays open while its cause lasts.

    Args:
        workspace: Where.
        alert: The (beginning of the) alert's identifier.
        because: What is said of it.

    Raises:
        ProjectError: no such alert, it was acknowledged before, or nothing is said of it.
    """
    with workspace.ledger.read() as connection:
        found = alerts.get_alert(connection, alert)
    with workspace.ledger.record(
        event="alert.acknowledged", subject=found.id, actor=workspace.actor, reason=because
    ) as tx:
        return alerts.acknowledge_alert(tx, found.id, because)
