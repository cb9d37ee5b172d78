"""What a monitor is: shown a day of traffic, it may report a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from kreis.deployment.manifest import Histogram
from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.monitoring.observe import DayOfTraffic
from kreis.requirements.goal import Goal

__all__ = [
    "Finding",
    "Monitor",
    "State",
    "Watched",
    "already_seen",
    "full_name",
    "require_positive",
    "require_share",
    "with_day",
]

State: TypeAlias = dict[str, Any]
"""What a monitor remembers between days: a plain JSON document. `None` before the first day."""

_REMEMBERED = 90


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person, or the loop, should know."""

    level: Literal["warning", "critical"]
    monitor: str
    summary: str
    """One sentence."""
    detail: dict[str, Any] = {}
    sends_back: bool = False
    """Whether it is a reason to walk the circle again."""
    cause: str = ""
    """What is wrong, where a monitor can find several things at once. Of one cause there is one open alert."""
    further: bool = False
    """Whether it says more than the open alert of the same cause and takes its place; otherwise it changes nothing."""
    over: bool = False
    """Whether the cause is gone: it closes the open alert of the same cause, if there is one."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What is in service, and what it is held against."""

    release: str
    """Digest of the model: with another one, monitors begin anew."""
    goal: Goal
    value: Estimate
    """The business metric as evaluated when the model was released."""
    reference: Mapping[str, Histogram]
    """The package's reference distributions, by feature."""
    daily: Sequence[tuple[float, int]] = ()
    """That metric on each day of the evaluation, and the day's rows (`EvaluationReport.daily`)."""
    baseline: str = ""
    """The baseline that is watched beside it, by name; empty where there is none."""
    advantage: Estimate | None = None
    """By how much the metric was more than the baseline's, on the same rows."""
    daily_advantage: Sequence[tuple[float, int]] = ()
    """That difference on each day of the evaluation, and the day's rows."""
    score_reference: Histogram | None = None
    """How its scores were distributed over the training data; None for a package that does not say."""


@runtime_checkable
class Monitor(Protocol):
    """Watches one thing, day by day.

    An implementation is a frozen dataclass that checks itself when declared. Being shown a day twice must
    change nothing, an empty day must not fail, the state must survive JSON, and another release must make it
    begin anew; `kreis.monitoring.testing` has these as tests. Findings are events: what is wrong is told when it is
    first seen, when there is more of it (`further`) and when it is over (`over`).
    """

    @property
    def name(self) -> str:
        """As shown in alerts: the kind, and the name that the user gave. No two monitors of a project share it."""
        ...

    @property
    def needs_outcomes(self) -> bool:
        """Whether days are to be shown once their outcomes have matured; otherwise on the morning after."""
        ...

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Look at a day.

        Args:
            day: What was answered.
            state: As returned for the day before; `None` at first.
            watched: What is in service.

        Returns:
            The state to hand in next, and what was found.
        """
        ...


def full_name(kind: str, name: str) -> str:
    """A monitor's name: its kind, followed by what the user calls it."""
    return name if name == kind or name.startswith(f"{kind} ") else f"{kind} {name}".strip()


def already_seen(state: State, day: date) -> bool:
    """Whether a state has taken in that day; one from before all that it remembers counts as taken in."""
    days = state["days"]
    return day.isoformat() in days or (len(days) == _REMEMBERED and day.isoformat() < days[0])


def with_day(state: State, day: date) -> list[str]:
    """The days that a state has taken in, that one included; the last 90 are remembered."""
    return sorted([*state["days"], day.isoformat()])[-_REMEMBERED:]


def require_positive(where: str, **numbers: float) -> None:
    """Check a monitor's numbers when it is declared.

    Raises:
        ProjectError: one is not above 0.
    """
    for name, number in numbers.items():
        if not number > 0:
            raise ProjectError(f"{name} is {number}", where=where, hint="it must be more than 0")


def require_share(where: str, share: float) -> None:
    """Check a share when a monitor is declared.

    Raises:
        ProjectError: it is not above 0 and below 1.
    """
    if not 0 < share < 1:
        raise ProjectError(f"it is {share}", where=where, hint="a share: above 0 and below 1")
