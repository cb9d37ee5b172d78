"""Whether the goal's metric is what it was when the model was released."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.sequential import ChangeDetector, ChangeState
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.requirements.metric import DecisionValue

__all__ = ["BusinessMetric"]

_RECENT = 28


@dataclass(frozen=True, kw_only=True)
class BusinessMetric:
    """Reports, and sends the work back, when the metric has fallen by a share of its value at release.

    One observation is one day's mean, once the day's outcomes have matured, weighted by its decisions. An
    e-detector (see `ChangeDetector`) is judged after each day; while the metric has not fallen, it alarms in
    error at most once in `false_alarm_every_days` on average, however long it watches.
    """

    falls_by: float = 0.25
    """Of the value at release: the fall that matters."""
    false_alarm_every_days: float = 365.0
    least_known: float = 0.8
    """A day of which less than this share of outcomes has come in is reported as such and not counted."""

    def __post_init__(self) -> None:
        require_positive("BusinessMetric", falls_by=self.falls_by)
        if not self.false_alarm_every_days > 1:
            raise ProjectError("false alarms cannot come every day", where="BusinessMetric.false_alarm_every_days")
        if not 0 <= self.least_known <= 1:
            raise ProjectError(f"least_known is {self.least_known}", where="BusinessMetric", hint="a share: 0 to 1")

    @property
    def name(self) -> str:
        """As shown in alerts."""
        return "business_metric"

    def detector(self, reference: Estimate, metric: DecisionValue) -> ChangeDetector:
        """The detector for a value at release.

        Days above a ceiling count as the ceiling, so that the rare day that earns a fortune does not keep bets
        small. Capping lowers a mean by at most (sqrt(1 + k^2) - k) / 2 standard deviations of a day, k of them
        above it (Scarf 1958): k is chosen so that this is at most half of the fall that matters.
        """
        slack = self.falls_by * abs(reference.value)
        if not slack > 0:
            raise ProjectError(f"a fall from {reference.value} has no size", where="BusinessMetric.falls_by")
        highest = metric.bounds[1] * metric.per
        share = slack / reference.block_deviation if reference.blocks > 1 and reference.high > reference.low else 0.0
        deviations = max(1 - share**2, 0.0) / (2 * share) if share > 0 else math.inf
        above = deviations * slack / share if math.isfinite(deviations) else math.inf
        ceiling = min(reference.value + max(above, slack), max(highest, reference.value + slack))
        return ChangeDetector(reference.value - slack, ceiling, self.false_alarm_every_days)

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
        metric, detector = watched.goal.metric, self.detector(watched.value, watched.goal.metric)
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
