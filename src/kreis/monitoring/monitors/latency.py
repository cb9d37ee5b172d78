"""Whether answers come as fast as promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.monitoring.monitor import Finding, State, Watched
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfShare

__all__ = ["Latency"]

_SLOW = 0.01


@dataclass(frozen=True, kw_only=True)
class Latency(OfShare):
    """Reports a day on which more than one answer in a hundred is shown to be slower than the service level.

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> Latency().name
    'latency'
    """

    kind: ClassVar[str] = "latency"

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        if not len(day):
            return None
        promised = watched.goal.service.p99_ms
        slow = int(np.count_nonzero(day.latency_us > promised * 1000))
        p99 = float(np.quantile(day.latency_us, 0.99, method="higher")) / 1000
        seen: State = {"p99_ms": p99}
        if self._by_chance(slow, len(day), _SLOW):
            return seen, None
        summary = (
            f"on {day.day} the 99th percentile was {p99:.1f} ms, {promised:g} ms are promised; "
            f"{slow:,} of {len(day):,} answers were slower"
        )
        detail = {"day": day.day.isoformat(), "p99_ms": p99, "slow": slow, "answers": len(day)}
        return seen, Finding(level="critical", monitor=self.name, summary=summary, detail=detail)
