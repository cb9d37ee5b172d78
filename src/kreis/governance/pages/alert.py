"""An alert: what a monitor saw, and what became of it; or a page of alerts, one line for each cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreis.governance.pages.page import Cell, Grid, Page
from kreis.governance.views.alert import AlertLine, AlertsView
from kreis.ledger.records import Alert
from kreis.texts import date, short_id

__all__ = ["alert_page"]

_APART = (18, 23, 36)
"""Characters of an identifier: those of one microsecond, such as the alerts of one look, differ only after them."""


def alert_page(document: Alert | AlertsView) -> Page:
    """The page of an alert, or of a list."""
    if isinstance(document, AlertsView):
        return _list(document)
    answer = f"run {document.run}" if document.run else "no run yet"
    seen = document.acknowledged_at
    return Page(
        title=f"Alert of {document.monitor} ({document.level}) in {document.project}",
        facts=(
            ("finding", document.summary),
            ("at", f"{date(document.at)} UTC"),
            ("back to", f"{document.to}; answered by {answer}" if document.to else "nowhere: it only reports"),
            ("state", _closed(document) if document.closed_at else "open: its cause lasts"),
            (
                "seen",
                f"by {document.acknowledged_by} at {date(seen)} UTC: {document.acknowledged_note}" if seen else "",
            ),
            ("id", document.id),
        ),
        grids=(Grid("What was measured", ("what", "value"), list(_flat(document.detail))),),
    )


def _closed(document: Alert) -> str:
    return f"closed at {date(document.closed_at)} UTC: {document.closed_because}"


def _list(document: AlertsView) -> Page:
    ids = {each.id for each in document.alerts}
    apart = next(length for length in _APART if len({each[:length] for each in ids}) == len(ids))
    rows = [
        (each.id[:apart], each.at, each.monitor, _state(each), _times(each) + each.summary) for each in document.alerts
    ]
    which = "open alerts" if document.open_only else "alerts, open and closed"
    pages = f", page {document.page} of {document.pages}" if document.pages > 1 else ""
    columns = ("alert", "at (UTC)", "monitor", "state", "finding")
    return Page(title=f"{document.causes} {which}{pages}", grids=(Grid("", columns, rows),) if rows else ())


def _state(each: Alert) -> str:
    if each.closed_at is not None:
        return f"over {each.closed_at:%Y-%m-%d}"
    if each.run is not None:
        return f"run {short_id(each.run)}"
    if each.to is not None:
        return f"waits for {each.to}"
    return f"seen by {each.acknowledged_by}" if each.acknowledged_by else "open"


def _times(each: AlertLine) -> str:
    return f"({each.times} times since {each.first_at:%Y-%m-%d}) " if each.times > 1 else ""


def _flat(detail: dict[str, Any], before: str = "") -> Iterator[tuple[str, Cell]]:
    for name, value in detail.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield before + name, None if value is None else str(value)
        else:
            yield before + name, float(value)
