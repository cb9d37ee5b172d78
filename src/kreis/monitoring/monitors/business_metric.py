"""Whether the goal's metric is what it was when the model was released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.evaluation.sequential import ChangeDetector, ChangeState
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic
from kreis.texts import counted

__all__ = ["BusinessMetric"]

_RECENT = 28
_ENOUGH, _UNDER = 14, 0.9
"""Days of evaluation from which their own quantile is the ceiling, and which quantile."""
_MOST_ALIKE = 0.9
_TOO_FEW = "outcomes"


class _Reference(msgspec.Struct, frozen=True):
    """What days are held against, in the metric's unit."""

    detector: ChangeDetector
    correlation: float
    """Of a day with the day before."""
    value: float
    paired: bool
    """Whether it is the difference to the baseline on the same rows."""


@dataclass(frozen=True, kw_only=True)
class BusinessMetric:
    """Reports, and sends the work back, when the metric has fallen by a share of its value at release.

    It is watched against the baseline's on the same rows, where the features that the baseline reads are logged: a
    season or a storm moves both. One observation is one day's mean difference, once the day's outcomes have matured,
    weighted by its decisions. Of days that hang together only what the day before did not foretell is counted. An
    e-detector (see `ChangeDetector`) is judged after each day; while the metric has not fallen, it alarms in error at
    most once in `false_alarm_every_days` on average, however long it watches. It is reported once, until the last 28
    days are above the limit again; then it begins anew.

    Example:

    >>> BusinessMetric(name="returns", falls_by=0.2).name
    'business_metric returns'
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    falls_by: float = 0.25
    """Of the value at release: the fall that matters. A model that gains less over the baseline than that is reported
    when it gains nothing."""
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
        """The detector for what is in service."""
        return self._reference(watched).detector

    def _reference(self, watched: Watched) -> _Reference:
        """What the days of a model in service are held against.

        Days above a ceiling count as the ceiling: otherwise the rare day that earns a fortune keeps all bets
        small, and a fall is seen months late. The ceiling is what nine in ten days of the evaluation stayed
        under, and the value at release that a fall is measured from is that of the days so capped.
        """
        paired = watched.advantage is not None
        held = watched.advantage if watched.advantage is not None else watched.value
        daily = watched.daily_advantage if paired else watched.daily
        slack = self.falls_by * abs(watched.value.value)
        if paired and held.value > 0:
            slack = min(slack, held.value)
        if not slack > 0:
            raise ProjectError(f"a fall from {watched.value.value} has no size", where="BusinessMetric.falls_by")
        value, correlation = held.value, 0.0
        if len(daily) >= _ENOUGH:
            means, rows = np.array([each[0] for each in daily]), np.array([each[1] for each in daily])
            correlation = _alike(means)
            fresh = _fresh(means[1:], means[:-1], correlation)
            ceiling = float(np.quantile(fresh, _UNDER))
            value = float(np.average(np.minimum(fresh, ceiling), weights=rows[1:]))
        elif paired:
            ceiling = held.value + 2 * held.block_deviation if held.blocks >= 2 else held.high
        else:
            ceiling = self._ceiling_for_few_days(watched)
        return _Reference(
            ChangeDetector(value - slack, max(ceiling, value + slack), self.false_alarm_every_days),
            correlation,
            held.value,
            paired,
        )

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
        against = watched.baseline if watched.advantage is not None else ""
        if state is None or state["release"] != watched.release or state.get("against") != against:
            state = {"release": watched.release, "against": against, "days": [], "most": 0, "recent": []}
            state |= {"detector": None, "few": False, "fallen": None}
        if already_seen(state, day.day) or not day.matured or not len(day):
            return state, []
        reference = self._reference(watched)
        counted = _counted(day, reference.paired)
        certain = _certain(day, watched, reference.paired)
        count, open_to_chance = int(counted.sum()), len(day) - int(certain.sum())
        seen = {**state, "days": with_day(state, day.day)}
        if count < self.least_known * open_to_chance or not (count or certain.any()):
            return {**seen, "few": True}, [self._too_few(day, count, against)]
        findings = [self._enough(day)] if state["few"] else []
        mean = float(np.mean(_values(day, counted, watched, reference.paired))) if count else 0.0
        if certain.any():
            sure = float(_values(day, certain, watched, paired=False).sum())
            mean = (sure + open_to_chance * mean) / len(day)
            count += int(certain.sum())
        before = msgspec.convert(state["detector"], ChangeState) if state["detector"] else ChangeState()
        most = max(state["most"], count)
        fresh = _after(state["recent"], day.day, mean, reference.correlation)
        after = reference.detector.observe([fresh], before, weights=[count / most])
        recent = [*state["recent"], [day.day.isoformat(), mean, count]][-_RECENT:]
        seen |= {"most": most, "recent": recent, "few": False, "detector": msgspec.to_builtins(after)}
        if state["fallen"] is None and after.alarm_at is not None:
            fallen = _mean(recent) < reference.value  # otherwise it is the capped days alone, which nobody means
            findings += [self._fallen(day, recent, reference, after, watched)] if fallen else []
            seen |= {"fallen": 0} if fallen else {"detector": None}
        elif state["fallen"] is not None:
            seen["fallen"] = state["fallen"] + 1
            if seen["fallen"] >= _RECENT and _mean(recent) > reference.detector.limit:
                findings.append(self._back(recent, watched))
                seen |= {"fallen": None, "detector": None}
        return seen, findings

    def _too_few(self, day: DayOfTraffic, count: int, against: str) -> Finding:
        lacking = f" with the features of the baseline {against!r}" if against else ""
        return Finding(
            level="warning",
            monitor=self.name,
            cause=_TOO_FEW,
            summary=f"of {len(day):,} decisions on {day.day} only"
            f" {counted(count, 'outcome has', 'outcomes have')} come in{lacking}:"
            " the day is not counted",
            detail={"day": day.day.isoformat(), "decisions": len(day), "outcomes": count},
        )

    def _enough(self, day: DayOfTraffic) -> Finding:
        summary = f"on {day.day} enough outcomes have come in again"
        return Finding(level="warning", monitor=self.name, cause=_TOO_FEW, summary=summary, over=True)

    def _fallen(
        self, day: DayOfTraffic, recent: list[list[object]], held: _Reference, after: ChangeState, watched: Watched
    ) -> Finding:
        now, unit = _mean(recent), watched.goal.metric.unit
        what = f" more than the baseline {watched.baseline!r}" if held.paired else ""
        return Finding(
            level="critical",
            monitor=self.name,
            summary=(
                f"over the last {counted(len(recent), 'day')} {now:,.0f} {unit}{what}, against"
                f" {held.value:,.0f} when released:"
                f" shown by {day.day} to have fallen by more than {self.falls_by:.0%} of the"
                f" {watched.value.value:,.0f} that it was worth"
            ),
            detail={
                "day": day.day.isoformat(),
                "recent": now,
                "days": after.n,
                "against": watched.baseline if held.paired else None,
                "limit": held.detector.limit,
                "ceiling": held.detector.ceiling,
                "correlation": held.correlation,
                "evidence": after.mixed,
                "reference": (watched.advantage or watched.value).to_document(),
            },
            sends_back=True,
        )

    def _back(self, recent: list[list[object]], watched: Watched) -> Finding:
        summary = f"over the last {counted(len(recent), 'day')} {_mean(recent):,.0f} {watched.goal.metric.unit} again"
        return Finding(level="warning", monitor=self.name, summary=summary, over=True)


def _counted(day: DayOfTraffic, paired: bool) -> Booleans:
    """Rows whose outcome is known and, beside a baseline, that it can be compared on; shape (n,)."""
    if not paired:
        return day.known
    counted: Booleans = np.zeros(len(day), bool) if day.baseline is None else day.known & ~np.isnan(day.baseline)
    return counted


def _certain(day: DayOfTraffic, watched: Watched, paired: bool) -> Booleans:
    """Rows whose outcome nobody knows, and that are worth the same whatever it is: questions that were passed on. They
    count with their number; what is known of the others stands for all of these.
    """
    if paired:
        return np.zeros(len(day), bool)
    certain: Booleans = ~day.known & ~np.isnan(watched.goal.metric.values(day.outcomes, day.decisions))
    return certain


def _values(day: DayOfTraffic, counted: Booleans, watched: Watched, paired: bool) -> Floats:
    """What the counted decisions were worth, or by how much more than the baseline's; in the metric's unit."""
    metric, happened = watched.goal.metric, day.outcomes[counted]
    values: Floats = metric.values(happened, day.decisions[counted]) * metric.per
    if paired and day.baseline is not None:
        values = values - metric.values(happened, day.baseline[counted]) * metric.per
    return values


def _alike(means: Floats) -> float:
    """The correlation of a day with the day before, on the side of caution: corrected for its bias (Kendall 1954) and
    a standard error more.
    """
    apart = means - means.mean()
    square = float(apart @ apart)
    lag = float(apart[1:] @ apart[:-1]) / square if square > 0 else 0.0
    corrected = min(lag + (1 + 3 * lag) / len(means), _MOST_ALIKE)
    return min(max(corrected + float(np.sqrt((1 - corrected**2) / len(means))), 0.0), _MOST_ALIKE)


def _fresh(means: Floats, before: Floats, correlation: float) -> Floats:
    """What the day before did not foretell, on the scale of the mean: their mean is the days' own, and days that follow
    a first-order autoregression are independent so.
    """
    fresh: Floats = (means - correlation * before) / (1 - correlation)
    return fresh


def _after(recent: Sequence[Sequence[object]], day: date, mean: float, correlation: float) -> float:
    """As `_fresh`, for a day after those counted before it; the more days lie between, the less they foretell."""
    if not recent or correlation <= 0:
        return mean
    last, before, _ = recent[-1]
    gap = (day - date.fromisoformat(str(last))).days
    return (
        float(_fresh(np.array([mean]), np.array([before], dtype=np.float64), correlation**gap)[0]) if gap > 0 else mean
    )


def _mean(recent: Sequence[Sequence[object]]) -> float:
    means, counts = np.array([each[1] for each in recent]), np.array([each[2] for each in recent])
    return float(np.average(means.astype(float), weights=counts.astype(float)))
