"""Alerts: what a monitor saw, and the run that answered."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import Alert
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["add_alert", "answer_alert", "get_alert", "list_alerts"]

_ALERTS = Records(schema.alerts, Alert, called="alert")
_alerts = schema.alerts.c


def add_alert(tx: Transaction, alert: Alert) -> None:
    """Record what a monitor saw."""
    _ALERTS.insert(tx, alert)


def get_alert(connection: Connection, alert: str) -> Alert:
    """The alert with this id, or the only one whose id begins so.

    Raises:
        ProjectError: there is none, or several.
    """
    return _ALERTS.by_prefix(connection, alert)


def list_alerts(
    connection: Connection, project: str | None = None, *, open_only: bool = False, limit: int | None = None
) -> list[Alert]:
    """Alerts, the newest first; `open_only`: those that no run has answered."""
    where = [] if project is None else [_alerts.project == project]
    if open_only:
        where.append(_alerts.run.is_(None))
    return _ALERTS.find(connection, *where, order=[_alerts.id.desc()], limit=limit)


def answer_alert(tx: Transaction, alert: str, run: str) -> Alert:
    """Record which run answered an alert. Said twice of the same run, nothing changes.

    Raises:
        ProjectError: no such alert, or another run answered it.
    """
    found = get_alert(tx.connection, alert)
    if found.run == run:
        return found
    if found.run is not None:
        raise ProjectError(f"alert {found.id} was answered by run {found.run}", where="ledger")
    answered = msgspec.structs.replace(found, run=run)
    _ALERTS.update(tx, answered)
    return answered
