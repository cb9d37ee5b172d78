"""Declaring monitors: each has a name of its own, and a discipline to which the work goes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kreis.errors import ProjectError
from kreis.monitoring.monitor import Monitor
from kreis.preparation.views import parse_duration

__all__ = ["DISCIPLINES", "MonitorDeclaration", "check_features", "declared"]

DISCIPLINES = (
    "requirements",
    "collection",
    "preparation",
    "training",
    "evaluation",
    "deployment",
    "monitoring",
)
"""In the order of the circle."""


@dataclass(frozen=True, kw_only=True)
class MonitorDeclaration:
    """What is watched, and where the work goes back to."""

    monitor: Monitor
    sends_back_to: str
    at_most_every: str
    """How long to wait before a monitor may send the work back again: "7d"."""
    where: str
    """File and line."""

    @property
    def pause(self) -> timedelta:
        """`at_most_every` as a duration."""
        return parse_duration(self.at_most_every)


def declared(
    monitors: Sequence[Monitor], before: Sequence[MonitorDeclaration], *, to: str, at_most_every: str, where: str
) -> list[MonitorDeclaration]:
    """Monitors as declared, checked.

    Args:
        monitors: What was given.
        before: Those declared before.
        to: A discipline.
        at_most_every: A duration.
        where: File and line.

    Raises:
        ProjectError: no such discipline, no duration, not a monitor, or two monitors of one name.
    """
    if to not in DISCIPLINES:
        raise ProjectError.unknown_name("discipline", to, DISCIPLINES, where=where)
    try:
        parse_duration(at_most_every)
    except ValueError as error:
        raise ProjectError(str(error), where=where) from error
    taken = {"watch", *(each.monitor.name for each in before)}
    made = []
    for monitor in monitors:
        kind = type(monitor).__name__
        if not isinstance(monitor, Monitor):
            raise ProjectError(
                f"{kind} is not a monitor",
                where=where,
                hint="a monitor has name, needs_outcomes and observe (kreis.monitoring.monitor.Monitor)",
            )
        if monitor.name in taken:
            raise ProjectError(
                f"there are two monitors called {monitor.name!r}: their states and alerts would be mixed up",
                where=where,
                hint=f'give one a name: {kind}(name="…")',
            )
        taken.add(monitor.name)
        made.append(MonitorDeclaration(monitor=monitor, sends_back_to=to, at_most_every=at_most_every, where=where))
    return made


def check_features(monitors: Sequence[MonitorDeclaration], known: Sequence[str]) -> None:
    """See that monitors look at features that there are.

    Raises:
        ProjectError: one looks at another.
    """
    for each in monitors:
        for feature in getattr(each.monitor, "features", None) or ():
            if feature not in known:
                place = f"{each.where}, monitor {each.monitor.name!r}"
                raise ProjectError.unknown_name("feature", feature, known, where=place)
