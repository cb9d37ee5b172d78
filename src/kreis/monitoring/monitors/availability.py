"""Whether the service answers as reliably as promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kreis.monitoring.monitor import Finding, State, Watched
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfShare

__all__ = ["Availability"]


@dataclass(frozen=True, kw_only=True)
class Availability(OfShare):
    """Reports a day on which a larger share of requests is shown to have failed than the service level allows.

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> Availability(false_alarm_every_days=730).name
    'availability'
    """

    kind: ClassVar[str] = "availability"

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        requests = len(day) + day.failed
        if not requests:
            return None
        promised, reached = watched.goal.service.availability, len(day) / requests
        seen: State = {"availability": reached}
        if self._by_chance(day.failed, requests, 1 - promised):
            return seen, None
        summary = f"on {day.day} {day.failed:,} of {requests:,} requests failed: {reached:.3%}, {promised:.3%} promised"
        detail = {"day": day.day.isoformat(), "failed": day.failed, "requests": requests}
        return seen, Finding(level="critical", monitor=self.name, summary=summary, detail=detail)
