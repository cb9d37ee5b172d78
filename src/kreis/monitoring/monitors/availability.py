"""Whether the service answers as reliably as promised."""

from __future__ import annotations

from dataclasses import dataclass

from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.monitor import Finding, State, Watched, full_name, require_positive
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfLevel

__all__ = ["Availability"]


@dataclass(frozen=True, kw_only=True)
class Availability(OfLevel):
    """Reports a day on which a larger share of requests is shown to have failed than the service level allows.

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> Availability(false_alarm_every_days=730).name
    'availability'
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    false_alarm_every_days: float = 365.0
    """With a service that keeps its level exactly, and failures that come independently."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name("availability", self.name))
        require_positive("Availability", false_alarm_every_days=self.false_alarm_every_days)

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        requests = len(day) + day.failed
        if not requests:
            return None
        promised, reached = watched.goal.service.availability, len(day) / requests
        seen: State = {"availability": reached}
        if chance_of_at_least(day.failed, requests, 1 - promised) > 1 / self.false_alarm_every_days:
            return seen, None
        summary = f"on {day.day} {day.failed:,} of {requests:,} requests failed: {reached:.3%}, {promised:.3%} promised"
        detail = {"day": day.day.isoformat(), "failed": day.failed, "requests": requests}
        return seen, Finding(level="critical", monitor=self.name, summary=summary, detail=detail)
