"""Whether features are distributed as in the training data."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from kreis.deployment.manifest import Histogram
from kreis.errors import ProjectError
from kreis.monitoring.counting import count_columns
from kreis.monitoring.divergence import Divergence, stability
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic

__all__ = ["Drift"]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Reports features whose distribution over the last days is shown to have moved by more than `threshold`.

    Shown: the lower confidence bound of the corrected population stability index lies above the threshold. So
    many rows do not make a small shift an alert, nor few rows a chance one. It is judged daily, at a level at
    which false alerts over all features are expected at most once in `false_alarm_every_days` (a union bound
    over days and features; the bound is a normal approximation). A feature is reported once, until it is back.
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    threshold: float = 0.25
    """Of the population stability index; by convention 0.1 is some shift, 0.25 a large one."""
    window_days: int = 14
    """Days looked at together; nothing is judged before there are as many."""
    features: tuple[str, ...] | None = None
    """Which; all if not given."""
    false_alarm_every_days: float = 365.0
    sends_back: bool = False
    """Whether it is a reason to walk the circle again; a shift that costs nothing is not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name("drift", self.name))
        require_positive("Drift", threshold=self.threshold, false_alarm_every_days=self.false_alarm_every_days)
        if self.window_days < 2:
            raise ProjectError(
                "a window of one day cannot tell drift from that day's weather",
                where="Drift.window_days",
                hint="take 7 or more, so that every weekday is in it",
            )

    @property
    def needs_outcomes(self) -> bool:
        """Days are looked at on the morning after."""
        return False

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Count the day's features, drop the day that leaves the window, and judge the window."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "counts": {}, "moved": {}, "drifting": []}
        if already_seen(state, day.day) or not len(day):
            return state, []
        names = self._chosen(day, watched)
        counts = _add_day(state["counts"], day, names, watched, self.window_days)
        moved: dict[str, Divergence] = {}
        if len(next(iter(counts.values()), [])) >= self.window_days:
            moved = {name: stability(_reference(watched.reference[name]), np.array(counts[name])) for name in names}
        drifting = self._drifting(moved, state["drifting"])
        new = {name: each for name, each in drifting.items() if name not in state["drifting"]}
        after: State = {
            "release": watched.release,
            "days": with_day(state, day.day),
            "counts": counts,
            "moved": {name: _document(each) for name, each in moved.items()},
            "drifting": sorted(drifting),
        }
        return after, [self._finding(new, len(drifting))] if new else []

    def _chosen(self, day: DayOfTraffic, watched: Watched) -> list[str]:
        known = [name for name in day.feature_names if name in watched.reference]
        for name in self.features or ():
            if name not in known:
                raise ProjectError.unknown_name("feature", name, known, where="Drift.features")
        return list(self.features or known)

    def _drifting(self, moved: dict[str, Divergence], before: list[str]) -> dict[str, Divergence]:
        """Those shown to be beyond the threshold, and those that were and are not estimated to be back within."""
        if not moved:
            return {}
        quantile = NormalDist().inv_cdf(1 - 1 / (self.false_alarm_every_days * len(moved) + 1))
        return {
            name: each
            for name, each in moved.items()
            if each.low(quantile) > self.threshold or (name in before and each.psi > self.threshold)
        }

    def _finding(self, new: dict[str, Divergence], total: int) -> Finding:
        most = sorted(new, key=lambda name: -new[name].psi)
        shown = ", ".join(f"{name} (PSI {new[name].psi:.2f}, {new[name].moved:.0%} moved)" for name in most[:3])
        rest = f" and {len(most) - 3} more" if len(most) > 3 else ""
        return Finding(
            level="warning",
            monitor=self.name,
            summary=f"over the last {self.window_days} days, differently distributed than in training: {shown}{rest}",
            detail={"features": {name: _document(new[name]) for name in most}, "drifting": total},
            sends_back=self.sends_back,
        )


def _reference(histogram: Histogram) -> Any:
    return np.array([*histogram.counts, histogram.missing], dtype=np.int64)


def _add_day(
    counts: dict[str, list[list[int]]], day: DayOfTraffic, names: list[str], watched: Watched, window: int
) -> dict[str, list[list[int]]]:
    """Counts by feature, day and bin, with the day added and only the last `window` days kept."""
    places = [day.feature_names.index(name) for name in names]
    edges = [np.array(watched.reference[name].edges, dtype=np.float64) for name in names]
    rows = day.features if day.whole is None else day.features[day.whole]
    counted = count_columns(rows[:, places], edges)
    return {name: [*counts.get(name, []), own.tolist()][-window:] for name, own in zip(names, counted, strict=True)}


def _document(each: Divergence) -> dict[str, float]:
    return {"psi": each.psi, "error": each.error, "raw": each.raw, "moved": each.moved}
