"""Whether the goal's metric is what it was when the model was released."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.sequential import ChangeDetector, ChangeState
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic

__all__ = ["BusinessMetric"]

_RECENT = 28
_ENOUGH, _UNDER = 14, 0.9
"""Days of evaluation from which their own quantile is the ceiling, and which quantile."""


@dataclass(frozen=True, kw_only=True)
class BusinessMetric:
    """Reports, and sends the work back, when the metric has fallen by a share of its value at release.

    One observation is one day's mean, once the day's outcomes have matured, weighted by its decisions. An
    e-detector (see `ChangeDetector`) is judged after each day; while the metric has not fallen, it alarms in
    error at most once in `false_alarm_every_days` on average, however long it watches.
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    falls_by: float = 0.25
    """Of the value at release: the fall that matters."""
    false_alarm_every_days: float = 365.0
    least_known: float = 0.8
    """A day of which less than this share of outcomes has come in is reported as such and not counted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name("business_metric", self.name))
        require_positive("BusinessMetric", falls_by=self.falls_by)
        if not self.false_alarm_every_days > 1:
            raise ProjectError("false alarms cannot come every day", where="BusinessMetric.false_alarm_every_days")
        if not 0 <= self.least_known <= 1:
            raise ProjectError(f"least_known is {self.least_known}", where="BusinessMetric", hint="a share: 0 to 1")

    @property
    def needs_outcomes(self) -> bool:
        """Days are counted once their outcomes have matured."""
        return True

    def detector(self, watched: Watched) -> ChangeDetector:
        """The detector for what is in service.

        Days above a ceiling count as the ceiling: otherwise the rare day that earns a fortune keeps all bets
        small, and a fall is seen months late. The ceiling is what nine in ten days of the evaluation stayed
        under, and the value at release that a fall is measured from is that of the days so capped.
        """
        daily, value = watched.daily, watched.value.value
        if len(daily) >= _ENOUGH:
            means, rows = np.array([each[0] for each in daily]), np.array([each[1] for each in daily])
            ceiling = float(np.quantile(means, _UNDER))
            value = float(np.average(np.minimum(means, ceiling), weights=rows))
        else:
            ceiling = self._ceiling_for_few_days(watched)
        slack = self.falls_by * abs(value)
        if not slack > 0:
            raise ProjectError(f"a fall from {value} has no size", where="BusinessMetric.falls_by")
        return ChangeDetector(value - slack, max(ceiling, value + slack), self.false_alarm_every_days)

    def _ceiling_for_few_days(self, watched: Watched) -> float:
        """A ceiling that gives up at most half of the fall that matters, whatever the distribution of days.

        Capping k standard deviations above a mean lowers it by at most (sqrt(1 + k^2) - k) / 2 of them (Scarf 1958).
        """
        held, metric = watched.value, watched.goal.metric
        highest = metric.bounds[1] * metric.per
        if held.blocks < 2 or held.high <= held.low:
            return highest
        share = self.falls_by * abs(held.value) / held.block_deviation
        if share <= 0:
            return highest
        return min(held.value + max(1 - share**2, 0.0) / (2 * share) * held.block_deviation, highest)

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Take in a matured day; any other day changes nothing and is to be shown again."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "most": 0, "recent": [], "detector": None}
        if already_seen(state, day.day) or not day.matured or not len(day):
            return state, []
        known = day.known
        count = int(known.sum())
        seen = {**state, "days": with_day(state, day.day)}
        if count < self.least_known * len(day):
            return seen, [self._too_few(day, count)]
        metric, detector = watched.goal.metric, self.detector(watched)
        mean = float(np.mean(metric.values(day.outcomes[known], day.decisions[known]))) * metric.per
        before = msgspec.convert(state["detector"], ChangeState) if state["detector"] else ChangeState()
        most = max(state["most"], count)
        after = detector.observe([mean], before, weights=[count / most])
        recent = [*state["recent"], [day.day.isoformat(), mean, count]][-_RECENT:]
        found = after.alarm_at is not None and before.alarm_at is None
        seen |= {"most": most, "recent": recent, "detector": msgspec.to_builtins(after)}
        return seen, [self._fallen(day, recent, detector, after, watched)] if found else []

    def _too_few(self, day: DayOfTraffic, count: int) -> Finding:
        return Finding(
            level="warning",
            monitor=self.name,
            summary=f"of {len(day):,} decisions on {day.day} only {count:,} outcomes have come in",
            detail={"day": day.day.isoformat(), "decisions": len(day), "outcomes": count},
        )

    def _fallen(
        self,
        day: DayOfTraffic,
        recent: list[list[object]],
        detector: ChangeDetector,
        after: ChangeState,
        watched: Watched,
    ) -> Finding:
        means, counts = np.array([each[1] for each in recent]), np.array([each[2] for each in recent])
        now = float(np.average(means.astype(float), weights=counts.astype(float)))
        unit = watched.goal.metric.unit
        return Finding(
            level="critical",
            monitor=self.name,
            summary=(
                f"over the last {len(recent)} days {now:,.0f} {unit}, against {watched.value.value:,.0f} when "
                f"released: shown by {day.day} to have fallen by more than {self.falls_by:.0%}"
            ),
            detail={
                "day": day.day.isoformat(),
                "recent": now,
                "days": after.n,
                "limit": detector.limit,
                "ceiling": detector.ceiling,
                "evidence": after.mixed,
                "reference": watched.value.to_document(),
            },
            sends_back=True,
        )
