"""Whether answers come as fast as promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kreis.monitoring.monitor import Finding, State, Watched, already_seen, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.shares import chance_of_at_least

__all__ = ["Latency"]

_SLOW = 0.01


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Reports a day on which more than one answer in a hundred is shown to be slower than the service level."""

    false_alarm_every_days: float = 365.0
    """With a service that keeps its level exactly, and slow answers that come independently."""

    def __post_init__(self) -> None:
        require_positive("Latency", false_alarm_every_days=self.false_alarm_every_days)

    @property
    def name(self) -> str:
        """As shown in alerts."""
        return "latency"

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Count the day's slow answers."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "p99_ms": None}
        if already_seen(state, day.day) or not len(day):
            return state, []
        promised = watched.goal.service.p99_ms
        slow = int(np.count_nonzero(day.latency_us > promised * 1000))
        p99 = float(np.quantile(day.latency_us, 0.99, method="higher")) / 1000
        after: State = {"release": watched.release, "days": with_day(state, day.day), "p99_ms": p99}
        if chance_of_at_least(slow, len(day), _SLOW) > 1 / self.false_alarm_every_days:
            return after, []
        summary = (
            f"on {day.day} the 99th percentile was {p99:.1f} ms, {promised:g} ms are promised; "
            f"{slow:,} of {len(day):,} answers were slower"
        )
        detail = {"day": day.day.isoformat(), "p99_ms": p99, "slow": slow, "answers": len(day)}
        return after, [Finding(level="critical", monitor=self.name, summary=summary, detail=detail)]
