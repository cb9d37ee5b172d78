"""Whether the service answers as reliably as promised."""

from __future__ import annotations

from dataclasses import dataclass

from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import told_once

__all__ = ["Availability"]


@dataclass(frozen=True, kw_only=True)
class Availability:
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

    @property
    def needs_outcomes(self) -> bool:
        """Days are looked at on the morning after."""
        return False

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Count the day's failures."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "availability": None}
        requests = len(day) + day.failed
        if already_seen(state, day.day) or not requests:
            return state, []
        promised, reached = watched.goal.service.availability, len(day) / requests
        after: State = {"release": watched.release, "days": with_day(state, day.day), "availability": reached}
        after["kept"] = state.get("kept")
        if chance_of_at_least(day.failed, requests, 1 - promised) > 1 / self.false_alarm_every_days:
            return told_once(after, None, self.name)
        summary = f"on {day.day} {day.failed:,} of {requests:,} requests failed: {reached:.3%}, {promised:.3%} promised"
        detail = {"day": day.day.isoformat(), "failed": day.failed, "requests": requests}
        finding = Finding(level="critical", monitor=self.name, summary=summary, detail=detail)
        return told_once(after, finding, self.name)
