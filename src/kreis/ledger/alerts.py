"""Alerts: what a monitor saw, the run that answered, and how it ended."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, or_

from kreis.clock import microseconds
from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import Alert
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["HAPPENED", "acknowledge_alert", "add_alert", "answer_alert", "close_alert", "get_alert", "list_alerts"]

HAPPENED = "happened"
"""In an alert's detail: it tells of an event, not of a state that may end. Acknowledging it closes it."""

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
    connection: Connection,
    project: str | None = None,
    *,
    open_only: bool = False,
    waiting_only: bool = False,
    monitor: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Alert]:
    """Alerts, the newest first.

    Args:
        connection: Of the ledger.
        project: Of this project only.
        open_only: Those that are not closed: their cause lasts.
        waiting_only: Those of them that send the work back and that no run has answered.
        monitor: Of this monitor, or of all monitors of this kind.
        since: Raised at this moment or later.
        limit: So many at most.
    """
    where: list[ColumnElement[bool]] = [] if project is None else [_alerts.project == project]
    if open_only or waiting_only:
        where.append(_alerts.closed_at.is_(None))
    if waiting_only:
        where += [_alerts.run.is_(None), _alerts.to.is_not(None)]
    if monitor is not None:
        where.append(or_(_alerts.monitor == monitor, _alerts.monitor.startswith(f"{monitor} ", autoescape=True)))
    if since is not None:
        where.append(_alerts.at >= microseconds(since))
    return _ALERTS.find(connection, *where, order=[_alerts.id.desc()], limit=limit)


def close_alert(tx: Transaction, alert: Alert, because: str) -> Alert:
    """Record that an alert's cause is over, or that a newer alert took its place."""
    closed = msgspec.structs.replace(alert, closed_at=tx.now, closed_because=because)
    _ALERTS.update(tx, closed)
    return closed


def acknowledge_alert(tx: Transaction, alert: str, note: str) -> Alert:
    """Record that a person has seen an alert, and what they say of it. One about an event is closed by that.

    Raises:
        ProjectError: no such alert, or it was acknowledged before.
    """
    found = get_alert(tx.connection, alert)
    if found.acknowledged_at is not None:
        raise ProjectError(
            f"alert {found.id} was acknowledged by {found.acknowledged_by}: {found.acknowledged_note}", where="ledger"
        )
    seen = msgspec.structs.replace(found, acknowledged_at=tx.now, acknowledged_by=tx.actor, acknowledged_note=note)
    if found.detail.get(HAPPENED) and found.closed_at is None:
        seen = msgspec.structs.replace(seen, closed_at=tx.now, closed_because="acknowledged")
    _ALERTS.update(tx, seen)
    return seen


def answer_alert(tx: Transaction, alert: str, run: str) -> Alert:
    """Record which run answered an alert: the last one, where its cause lasted and another run followed.

    Raises:
        ProjectError: no such alert.
    """
    found = get_alert(tx.connection, alert)
    if found.run == run:
        return found
    answered = msgspec.structs.replace(found, run=run)
    _ALERTS.update(tx, answered)
    return answered
