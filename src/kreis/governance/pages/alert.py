"""An alert: what a monitor saw, and what became of it; or the list of the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreis.governance.pages.page import Grid, Page
from kreis.governance.pages.texts import date, number, short_id

__all__ = ["alert_page"]

_APART = 18
"""Characters that tell identifiers of one millisecond apart: on simulated time many alerts share one."""


def alert_page(document: dict[str, Any]) -> Page:
    """The page of an alert's document, or of the list's."""
    if "alerts" in document:
        return _list(document["alerts"])
    answer = f"run {document['run']}" if document["run"] else "no run yet"
    return Page(
        title=f"Alert of {document['monitor']} ({document['level']}) in {document['project']}",
        facts=(
            ("finding", document["summary"]),
            ("at", f"{date(document['at'])} UTC"),
            ("back to", f"{document['to']}; answered by {answer}" if document["to"] else "nowhere: it only reports"),
            ("id", document["id"]),
        ),
        grids=(Grid("What was measured", ("what", "value "), list(_flat(document["detail"]))),),
    )


def _list(alerts: list[dict[str, Any]]) -> Page:
    rows = [
        (
            each["id"][:_APART],
            date(each["at"]),
            each["monitor"],
            (each["to"] or "") if each["run"] is None else f"run {short_id(each['run'])}",
            each["summary"],
        )
        for each in alerts
    ]
    columns = ("alert", "at (UTC)", "monitor", "sent back to", "finding")
    return Page(title=f"The last {len(rows)} alerts", grids=(Grid("", columns, rows),))


def _flat(detail: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in detail.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield before + name, "–" if value is None else str(value)
        else:
            yield before + name, number(value)
