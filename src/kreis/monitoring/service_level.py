"""What the monitors of service levels share: a day that breaks the level is told once, until it is kept again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import DayOfTraffic

__all__ = ["Looked", "OfLevel", "OfShare"]

_KEPT = 3
"""Days in a row that keep the level, after which its breach is over."""


Looked: TypeAlias = tuple[State, Finding | None] | None
"""What is to be remembered of a day, and its breach, if it is one; None where there is nothing to look at."""


@dataclass(frozen=True, kw_only=True)
class OfLevel:
    """What monitors of a level have in common: each day is looked at once, another release begins anew, and a breach is
    told once.
    """

    kind: ClassVar[str]
    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name(self.kind, self.name))

    @property
    def needs_outcomes(self) -> bool:
        """Days are looked at on the morning after."""
        return False

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """See `Monitor.observe`."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": []}
        if already_seen(state, day.day) or (looked := self._look(day, state, watched)) is None:
            return state, []
        seen, broken = looked
        after = {"release": watched.release, "days": with_day(state, day.day), **seen, "kept": state.get("kept")}
        return _told_once(after, broken, self.name)

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class OfShare(OfLevel):
    """A level of a share: what is beyond it, and not by chance, is its breach."""

    false_alarm_every_days: float = 365.0
    """With exactly the share that is allowed, and cases that come independently."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(type(self).__name__, false_alarm_every_days=self.false_alarm_every_days)

    def _by_chance(self, hits: int, of: int, share: float) -> bool:
        """Whether so many come by chance often enough where the share is kept."""
        return chance_of_at_least(hits, of, share) > 1 / self.false_alarm_every_days


def _told_once(state: State, broken: Finding | None, monitor: str) -> tuple[State, list[Finding]]:
    """What to report of a day, and what to remember of it: `broken` is its breach, None where the level was kept."""
    kept = state.get("kept")
    if broken is not None:
        return {**state, "kept": 0}, [broken] if kept is None else []
    if kept is None:
        return state, []
    if kept + 1 < _KEPT:
        return {**state, "kept": kept + 1}, []
    summary = f"the level was kept on {_KEPT} days in a row"
    return {**state, "kept": None}, [Finding(level="warning", monitor=monitor, summary=summary, over=True)]
