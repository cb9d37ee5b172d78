"""Findings become alerts: one for each cause, raised once while the cause lasts, closed when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from kreis.identifiers import new_id
from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.ledger.transaction import Transaction
from kreis.monitoring.monitor import Finding

__all__ = ["WATCH", "Alerting", "Changes", "open_causes"]

WATCH = "watch"
"""The monitor of alerts about watching itself."""

Cause = tuple[str, str]
"""A monitor's name, and what it found."""


@dataclass(frozen=True)
class Changes:
    """What findings did to the alerts on record."""

    raised: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)


@dataclass(frozen=True)
class Alerting:
    """Writes a project's alerts."""

    project: str
    sends_back_to: Mapping[str, str]
    """Monitor's name to the discipline that its alerts send the work back to."""

    def needed(self, findings: Sequence[Finding], now_open: Mapping[Cause, Alert]) -> list[Finding]:
        """Those findings that change something, in their order."""
        known = set(now_open)
        changing = []
        for each in findings:
            cause = (each.monitor, each.cause)
            if (cause in known) if each.over else (each.further or cause not in known):
                changing.append(each)
                known = known - {cause} if each.over else known | {cause}
        return changing

    def write(self, tx: Transaction, findings: Sequence[Finding]) -> Changes:
        """Raise and close alerts as findings say."""
        now_open = open_causes(tx.connection, self.project)
        changes = Changes()
        for each in self.needed(findings, now_open):
            before = now_open.pop((each.monitor, each.cause), None)
            if before is not None:
                because = each.summary if each.over else f"there is more of it: {each.summary}"
                changes.closed.append(alerts.close_alert(tx, before, because))
            if not each.over:
                now_open[each.monitor, each.cause] = alert = self._raise(tx, each)
                changes.raised.append(alert)
        return changes

    def _raise(self, tx: Transaction, finding: Finding) -> Alert:
        alert = Alert(
            id=new_id(tx.now),
            project=self.project,
            monitor=finding.monitor,
            level=finding.level,
            summary=finding.summary,
            detail=finding.detail,
            to=self.sends_back_to[finding.monitor] if finding.sends_back else None,
            cause=finding.cause,
            at=tx.now,
        )
        alerts.add_alert(tx, alert)
        return alert


def open_causes(connection: Connection, project: str) -> dict[Cause, Alert]:
    """The open alert of each cause; the newest, should there be several."""
    found = alerts.list_alerts(connection, project, open_only=True)
    return {(alert.monitor, alert.cause or ""): alert for alert in reversed(found)}
