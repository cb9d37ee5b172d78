"""Whether the model in service has had its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kreis.durations import parse_duration
from kreis.errors import ProjectError
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.texts import counted

__all__ = ["Age"]


@dataclass(frozen=True, kw_only=True)
class Age:
    """Reports, and sends the work back, when a model has been in service for so long: there is more to learn from.

    It lasts until another model takes over, so the circle is walked again every `at_most_every` in the meantime.

    Example:

    >>> Age(at_most="90d").name
    'age'
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    at_most: str = "30d"
    """How long a model may be in service before the circle is walked again, in days."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name("age", self.name))
        try:
            whole = parse_duration(self.at_most) % timedelta(days=1) == timedelta(0)
        except ValueError as error:
            raise ProjectError(str(error), where="Age.at_most") from error
        if not whole:
            raise ProjectError(f"at_most is {self.at_most}", where="Age", hint='write whole days: "30d"')

    @property
    def needs_outcomes(self) -> bool:
        """Days are looked at on the morning after."""
        return False

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Count the days since the model's first."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "since": None, "told": False}
        if already_seen(state, day.day) or not len(day):
            return state, []
        since = state["since"] or day.day.isoformat()
        passed = day.day + timedelta(days=1) - date.fromisoformat(since)
        after: State = {**state, "days": with_day(state, day.day), "since": since}
        if state["told"] or passed < parse_duration(self.at_most):
            return after, []
        summary = (
            f"the model in service has answered for {counted(passed.days, 'day')}: there is more to learn from by now"
        )
        detail = {"day": day.day.isoformat(), "since": since, "days": passed.days}
        finding = Finding(level="warning", monitor=self.name, summary=summary, detail=detail, sends_back=True)
        return {**after, "told": True}, [finding]
