"""Whether the service answers as reliably as promised."""

from __future__ import annotations

from dataclasses import dataclass

from kreis.monitoring.monitor import Finding, State, Watched, already_seen, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.shares import chance_of_at_least

__all__ = ["Availability"]


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Reports a day on which a larger share of requests is shown to have failed than the service level allows."""

    false_alarm_every_days: float = 365.0
    """With a service that keeps its level exactly, and failures that come independently."""

    def __post_init__(self) -> None:
        require_positive("Availability", false_alarm_every_days=self.false_alarm_every_days)

    @property
    def name(self) -> str:
        """As shown in alerts."""
        return "availability"

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Count the day's failures."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "availability": None}
        requests = len(day) + day.failed
        if already_seen(state, day.day) or not requests:
            return state, []
        promised, reached = watched.goal.service.availability, len(day) / requests
        after: State = {"release": watched.release, "days": with_day(state, day.day), "availability": reached}
        if chance_of_at_least(day.failed, requests, 1 - promised) > 1 / self.false_alarm_every_days:
            return after, []
        summary = f"on {day.day} {day.failed:,} of {requests:,} requests failed: {reached:.3%}, {promised:.3%} promised"
        detail = {"day": day.day.isoformat(), "failed": day.failed, "requests": requests}
        return after, [Finding(level="critical", monitor=self.name, summary=summary, detail=detail)]
