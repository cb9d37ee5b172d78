"""What a user declares for monitoring: named monitors, each with a discipline to which the work goes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kreis.declarations import Named, users_line
from kreis.disciplines import DISCIPLINES
from kreis.durations import duration, parse_duration
from kreis.errors import ProjectError
from kreis.monitoring.monitor import Monitor
from kreis.preparation.declare import Views
from kreis.requirements.goal import Goal

__all__ = ["MonitorDeclaration", "Monitoring"]


@dataclass(frozen=True, kw_only=True)
class MonitorDeclaration:
    """What is watched, and where the work goes back to."""

    monitor: Monitor
    sends_back_to: str
    at_most_every: str
    """How long to wait before a monitor may send the work back again: "7d"."""

    @property
    def pause(self) -> timedelta:
        """`at_most_every` as a duration."""
        return parse_duration(self.at_most_every)


class Monitoring(Views):
    """What is watched, and where the work goes back to."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._monitors = Named[MonitorDeclaration]("monitors")

    @property
    def monitors(self) -> Sequence[MonitorDeclaration]:
        """The monitors, in order of declaration."""
        return list(self._monitors.values())

    def monitor(self, *monitors: Monitor, sends_back_to: str = "collection", at_most_every: str = "7d") -> None:
        """Declare what is watched, and to which discipline the work goes back when it alerts.

        Args:
            monitors: `Drift`, `BusinessMetric`, `Latency`, `Availability`, or your own.
            sends_back_to: A discipline.
            at_most_every: How long to wait before the work may be sent back again; an alert meanwhile waits.

        Raises:
            ProjectError: no such discipline, no duration, not a monitor, or two monitors of one name.
        """
        where = users_line()
        if sends_back_to not in DISCIPLINES:
            raise ProjectError.unknown_name("discipline", sends_back_to, DISCIPLINES, where=where)
        duration(at_most_every, where)
        for monitor in monitors:
            kind = type(monitor).__name__
            if not isinstance(monitor, Monitor):
                raise ProjectError(
                    f"{kind} is not a monitor",
                    where=where,
                    hint="a monitor has name, needs_outcomes and observe (kreis.monitoring.monitor.Monitor)",
                )
            if monitor.name in ("watch", *self._monitors):
                raise ProjectError(
                    f"there are two monitors called {monitor.name!r}: their states and alerts would be mixed up",
                    where=where,
                    hint=f'give one a name: {kind}(name="…")',
                )
            declared = MonitorDeclaration(monitor=monitor, sends_back_to=sends_back_to, at_most_every=at_most_every)
            self._monitors.add(monitor.name, declared, where)

    def check(self) -> None:
        """Check that monitors look at features that there are."""
        super().check()
        for name, each in self._monitors.items():
            for feature in getattr(each.monitor, "features", None) or ():
                if feature not in self.feature_names:
                    place = f"{self._monitors.place(name)}, monitor {name!r}"
                    raise ProjectError.unknown_name("feature", feature, self.feature_names, where=place)
