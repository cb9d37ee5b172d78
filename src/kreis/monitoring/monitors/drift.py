"""Whether features are distributed as in the training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.deployment.manifest import Histogram
from kreis.errors import ProjectError
from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.divergence import Divergence, stability
from kreis.monitoring.histogram_counts import count_columns
from kreis.monitoring.monitor import (
    Finding,
    State,
    Watched,
    already_seen,
    full_name,
    require_positive,
    with_day,
)
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.variation import Expected, bin_edges, expected
from kreis.texts import counted

__all__ = ["Drift"]

_SCORE = "score"
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Reports features, and the score, whose distribution over the last days has moved by more than `threshold`.

    It is reported when the lower confidence bound (97.5%) of the corrected population stability index lies above the
    threshold, and the index is larger than an unmoved feature would give: judged daily, over all features, at a level
    at which that is expected at most once in `false_alarm_every_days`. So many rows do not make a small shift an alert,
    nor few rows a chance one; and two weeks that stray as far as two weeks of the training data do are none either.

    Where the training data hold the season of a year ago, that is the reference. Values beyond the range of the
    training data have bins of their own, and a value that fills them is named (a sentinel such as -999). A feature is
    reported once, until it is back, and again when it moves on.

    Example:

    >>> Drift(name="wind", features=("weather__wind",)).name
    'drift wind'
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    threshold: float = 0.25
    """Of the population stability index; by convention 0.1 is some shift, 0.25 a large one."""
    window_days: int = 14
    """Days looked at together; nothing is judged before there are as many."""
    features: tuple[str, ...] | None = None
    """Which; all, and the score, if not given. "score" names the score."""
    false_alarm_every_days: float = 365.0
    sends_back: bool = False
    """Whether a shift of the score is a reason to walk the circle again. One that the model makes nothing of is not."""

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
        if state is None or state["release"] != watched.release or not isinstance(state["drifting"], dict):
            state = {"release": watched.release, "days": [], "counts": {}, "beyond": {}, "moved": {}, "drifting": {}}
        if already_seen(state, day.day) or not len(day):
            return state, []
        references = self._chosen(day, watched)
        counted, beyond = _count(day, references)
        counts = _window(state["counts"], counted, self.window_days)
        seen = _window(state["beyond"], beyond, self.window_days)
        moved: dict[str, Divergence] = {}
        told: dict[str, str] = {}
        drifting = state["drifting"]
        if len(next(iter(counts.values()), [])) >= self.window_days:
            moved, drifting, told = self._judge(day, references, counts, drifting)
        after: State = {
            "release": watched.release,
            "days": with_day(state, day.day),
            "counts": counts,
            "beyond": seen,
            "moved": {name: _document(each) for name, each in moved.items()},
            "drifting": drifting,
        }
        return after, self._findings(told, moved, bool(state["drifting"]), drifting, seen, watched)

    def _chosen(self, day: DayOfTraffic, watched: Watched) -> dict[str, Histogram]:
        known = {name: watched.reference[name] for name in day.feature_names if name in watched.reference}
        if watched.score_reference is not None:
            known[_SCORE] = watched.score_reference
        for name in self.features or ():
            if name not in known:
                raise ProjectError.unknown_name("feature", name, known, where="Drift.features")
        return {name: known[name] for name in self.features or known}

    def _judge(
        self,
        day: DayOfTraffic,
        references: Mapping[str, Histogram],
        counts: Mapping[str, list[list[int]]],
        before: dict[str, Any],
    ) -> tuple[dict[str, Divergence], dict[str, Any], dict[str, str]]:
        """How far each has moved, what is drifting now, and what is to be told: "new", or "further"."""
        alpha = 1 / (self.false_alarm_every_days * len(references) + 1)
        moved: dict[str, Divergence] = {}
        drifting: dict[str, Any] = {}
        told: dict[str, str] = {}
        for name, histogram in references.items():
            held, days = expected(histogram, day.day, self.window_days), np.array(counts[name], dtype=np.int64)
            moved[name] = each = stability(held.reference, days, held)
            if name not in before:
                if self._shown(each, alpha) or self._never_seen(each, days, held, histogram, alpha):
                    told[name], drifting[name] = "new", {"days": 0, "anchor": None}
            elif each.psi > self.threshold / 2:
                drifting[name], further = self._moved_on(before[name], days, held, alpha)
                if further:
                    told[name] = "further"
        return moved, drifting, told

    def _shown(self, each: Divergence, alpha: float) -> bool:
        """More than chance would bring, and its lower bound (97.5%) above the threshold."""
        return each.beyond_chance(alpha) and each.low() > self.threshold

    def _never_seen(self, each: Divergence, days: Codes, held: Expected, histogram: Histogram, alpha: float) -> bool:
        """The exact test for few rows: most of them, on most days, lie where no row of the training data does.

        Of rows (or days) that come from one distribution, the newest is a record with chance 1/(n + 1) on each side.
        """
        if each.raw <= self.threshold or not histogram.ranged:
            return False
        rows = days.sum(axis=1)
        outside = 2 * (days[:, 0] + days[:, -2]) > rows
        total, found = int((rows > 0).sum()), int((outside & (rows > 0)).sum())
        chance = min(2 / ((held.days or int(held.reference.sum())) + 1), 1.0)
        return 2 * found > total and chance_of_at_least(found, total, chance) <= alpha

    def _moved_on(
        self, before: dict[str, Any], days: Codes, held: Expected, alpha: float
    ) -> tuple[dict[str, Any], bool]:
        """Whether it has moved on since it was told: against the window when it had come to rest."""
        seen = before["days"] + 1
        anchor = before["anchor"]
        if anchor is None:
            rested = seen >= self.window_days
            return {"days": seen, "anchor": days.sum(axis=0).tolist() if rested else None}, False
        reference = np.array(anchor, dtype=np.int64)
        since = stability(reference, days, held, twice=True)
        if self._shown(since, alpha):
            return {"days": 0, "anchor": None}, True
        return {"days": seen, "anchor": anchor}, False

    def _findings(
        self,
        told: Mapping[str, str],
        moved: Mapping[str, Divergence],
        before: bool,
        drifting: Mapping[str, Any],
        beyond: Mapping[str, Any],
        watched: Watched,
    ) -> list[Finding]:
        if before and not drifting:
            summary = f"over the last {counted(self.window_days, 'day')}, distributed as in training again"
            return [Finding(level="warning", monitor=self.name, summary=summary, over=True)]
        if not told:
            return []
        most = sorted(told, key=lambda name: -moved[name].psi)
        shown = ", ".join(_said(name, moved[name], told[name], beyond[name]) for name in most[:_SHOWN])
        rest = f" and {len(most) - _SHOWN} more" if len(most) > _SHOWN else ""
        return [
            Finding(
                level="warning",
                monitor=self.name,
                summary=f"feature drift over {self.window_days} days, compared with training: {shown}{rest}",
                detail={
                    "features": {name: _document(moved[name]) for name in most},
                    "drifting": sorted(drifting),
                },
                sends_back=self.sends_back and (_SCORE in told or watched.score_reference is None),
                further=True,
            )
        ]


def _said(name: str, each: Divergence, how: str, beyond: list[list[float]]) -> str:
    """A feature that has moved, in words."""
    value, rows = _most_common(beyond)
    filled = f"; {rows / each.n:.0%} of the rows are {value:g}, beyond all training data" if rows > 1 else ""
    further = "moved on, " if how == "further" else ""
    return f"{name} ({further}PSI {each.psi:.2f}, {each.moved:.0%} moved{filled})"


def _most_common(beyond: list[list[float]]) -> tuple[float, int]:
    """The value that fills most of the rows beyond the range of the training data, and how many it does."""
    rows: dict[float, int] = {}
    for day in beyond:
        if day:
            rows[day[0]] = rows.get(day[0], 0) + int(day[1])
    value = max(rows, key=lambda each: rows[each], default=0.0)
    return value, rows.get(value, 0)


def _count(
    day: DayOfTraffic, references: Mapping[str, Histogram]
) -> tuple[dict[str, list[int]], dict[str, list[float]]]:
    """By feature: the day's counts by bin; and which value is most frequent beyond the range, and how often."""
    rows = slice(None) if day.whole is None else day.whole
    places = {name: place for place, name in enumerate(day.feature_names)}
    columns: Floats = np.stack(
        [day.scores if name == _SCORE else day.features[:, places[name]] for name in references], axis=1
    )[rows]
    matrix = columns.astype(np.float32)  # as in training, where the edges are from
    counted = count_columns(matrix, [bin_edges(each) for each in references.values()])
    counts = {name: own.tolist() for name, own in zip(references, counted, strict=True)}
    beyond: dict[str, list[float]] = {}
    for column, (name, histogram) in enumerate(references.items()):
        beyond[name] = []
        if histogram.low is not None and histogram.high is not None and counts[name][0] + counts[name][-2]:
            values = matrix[:, column]
            found, times = np.unique(values[(values < histogram.low) | (values > histogram.high)], return_counts=True)
            beyond[name] = [float(found[times.argmax()]), int(times.max())]
    return counts, beyond


def _window(before: Mapping[str, list[Any]], day: Mapping[str, list[Any]], length: int) -> dict[str, list[Any]]:
    """By feature and day, with the day added and only the last `length` days kept."""
    return {name: [*before.get(name, []), own][-length:] for name, own in day.items()}


def _document(each: Divergence) -> dict[str, float]:
    return {"psi": each.psi, "error": each.error, "raw": each.raw, "moved": each.moved}
