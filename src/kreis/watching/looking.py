"""What a look shows to the monitors: each day once, in order, with the model that was in service on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from kreis.deployment.manifest import Manifest
from kreis.deployment.predictions.shipping import PREDICTIONS
from kreis.deployment.releases import champion_of
from kreis.errors import KreisError, StoreError
from kreis.evaluation.evaluate import EvaluationReport
from kreis.ledger import models, steps
from kreis.ledger.alerts import HAPPENED
from kreis.ledger.records import Release, Step
from kreis.monitoring.declare import MonitorDeclaration
from kreis.monitoring.monitor import Finding, Watched
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.traffic import days_of_traffic, failures_by_day
from kreis.project import Project
from kreis.watching.alerting import WATCH
from kreis.watching.memory import WatchedBy, WatchMemory
from kreis.ways.results import Judged
from kreis.ways.tabular.baselines import Baseline, baseline_of
from kreis.workspace import Workspace

__all__ = ["Parts", "Shown", "Viewer"]

_DAY = timedelta(days=1)
_AHEAD = timedelta(hours=1)
"""The service's clock may be ahead of this one by so much."""


class Parts:
    """The parts of a look, each of which may fail by itself; and what they found."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self.errors: list[str] = []
        self.exit_code = 0
        """Of the first part that failed."""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Do a part of the look: an error in it becomes a finding, and the look goes on."""
        try:
            yield
        except Exception as error:
            self.fail(name, error)
        else:
            self.works(name)

    def fail(self, name: str, error: Exception) -> None:
        """Say that a part failed."""
        code = error.exit_code if isinstance(error, KreisError) else 1
        said = f"{error.where}: {error.message}" if isinstance(error, KreisError) and error.where else str(error)
        said = said if isinstance(error, KreisError) else f"{type(error).__name__}: {said}"
        hint = error.hint if isinstance(error, KreisError) else None
        summary = f"{name}: {said}"
        self.errors.append(summary)
        self.exit_code = self.exit_code or code
        detail = {"error": type(error).__name__, "hint": hint}
        self.add(Finding(level="critical", monitor=WATCH, cause=name, summary=summary, detail=detail))

    def warn(self, name: str, summary: str) -> None:
        """Say that something about a part is not as it should be."""
        self.add(Finding(level="warning", monitor=WATCH, cause=name, summary=summary))

    def state(self, name: str, problem: str | None) -> None:
        """Warn of a problem, or say that there is none (any more)."""
        if problem is None:
            self.works(name)
        else:
            self.warn(name, problem)

    def happened(self, summary: str) -> None:
        """Say that something has happened that no later look takes back: a person is to see it."""
        self.add(Finding(level="critical", monitor=WATCH, cause=summary, summary=summary, detail={HAPPENED: True}))

    def works(self, name: str) -> None:
        """Say that a part works: should it have failed before, that is over."""
        self.add(Finding(level="warning", monitor=WATCH, cause=name, summary=f"{name} works again", over=True))

    def add(self, *findings: Finding) -> None:
        """Add what was found."""
        self._findings += findings

    def take(self) -> list[Finding]:
        """What was found since this was last asked, in its order."""
        found, self._findings = self._findings, []
        return found


@dataclass(kw_only=True)
class Shown:
    """What the monitors have taken in."""

    memory: WatchMemory
    days: list[date] = field(default_factory=list)


class Viewer:
    """Reads the log, day by day, and shows it to a project's monitors."""

    def __init__(self, project: Project, workspace: Workspace) -> None:
        self._project = project
        self._workspace = workspace
        self._watched: dict[str, Watched] = {}
        self._baselines: dict[str, Baseline | None] = {}
        self._layouts = _Layouts(workspace, project.name)

    def show(
        self,
        memory: WatchMemory,
        history: Sequence[Release],
        now: datetime,
        parts: Parts,
        causes: set[tuple[str, str]],
    ) -> Shown:
        """Show every monitor the days that it has not taken in.

        Args:
            memory: How far each one has come; it is changed.
            history: All releases of the project.
            now: The present.
            parts: Is told what is found, and what fails.
            causes: Monitor and cause of each open alert.
        """
        shown = Shown(memory=memory)
        reigns = _Reigns(history, now)
        self._check_clock(memory, now, parts)
        self._layouts.refresh()
        horizon = self._project.horizon
        for needs, last in ((False, now.date() - _DAY), (True, (now - horizon).date() - _DAY)):
            watching = [each for each in self._project.monitors if each.monitor.needs_outcomes is needs]
            showing = _Showing(memory, watching, parts, causes)
            with parts.part("outcomes" if needs else "traffic"):
                for digest, days in reigns.between(showing.first(reigns.begin), last):
                    watched = self.watched(digest)
                    showing.show(watched, self._read(digest, days, now, horizon, needs))
            shown.days = sorted({*shown.days, *showing.days})
        return shown

    def _check_clock(self, memory: WatchMemory, now: datetime, parts: Parts) -> None:
        """Where the clock was ahead once, days were passed over that had not come yet: they are looked at again."""
        ahead = [name for name, each in memory.monitors.items() if each.next_day and each.next_day > now.date()]
        latest = self._workspace.lake.latest(PREDICTIONS)
        reach = None if latest is None else latest.known_until
        for name in ahead:
            memory.monitors[name] = WatchedBy()
        pauses = [each.pause for each in self._project.monitors]
        memory.quiet_until = _at_most(memory.quiet_until, now + max(pauses, default=_DAY))
        memory.retry_at = _at_most(memory.retry_at, now + _DAY)
        if ahead:
            parts.warn(
                "clock",
                f"an earlier look was as of a later time than now, {now:%Y-%m-%d %H:%M} UTC: the clock was ahead;"
                " all days of the version in service are looked at again",
            )
        elif reach is not None and reach > now + _AHEAD:
            parts.warn(
                "clock",
                f"predictions are logged for {reach:%Y-%m-%d %H:%M} UTC, and now it is {now:%Y-%m-%d %H:%M}:"
                " the service's clock was ahead; they are looked at when their day has come",
            )
        else:
            parts.works("clock")

    def _read(
        self, digest: str, days: tuple[date, date], now: datetime, horizon: timedelta, outcomes: bool
    ) -> Iterator[DayOfTraffic]:
        return days_of_traffic(
            self._workspace.lake,
            *days,
            now=now,
            features=self._layouts[digest],
            layouts=self._layouts,
            horizon=horizon,
            failed=failures_by_day(self._workspace.lake, *days),
            outcomes=outcomes,
            baseline=self._baselines[digest] if outcomes else None,
        )

    def watched(self, digest: str) -> Watched:
        """A model that was in service, and what it is held against."""
        if digest not in self._watched:
            report, run = self._evaluated(digest)
            manifest, against = self._layouts.manifest(digest), baseline_of(self._workspace, report, run)
            own = {each.name: each for each in (report.challenger, *report.others)}
            chosen = own.get(manifest.candidate, report.challenger)
            is_challenger = chosen is report.challenger
            self._baselines[digest] = against if is_challenger else None
            name = against.name if against is not None and is_challenger else ""
            self._watched[digest] = Watched(
                release=digest,
                goal=self._project.goal,
                value=chosen.metrics["value"],
                reference=manifest.reference,
                daily=report.daily if is_challenger else (),
                baseline=name,
                advantage=report.differences.get(name),
                daily_advantage=report.daily_differences.get(name, ()),
                score_reference=manifest.score_reference,
            )
        return self._watched[digest]

    def _evaluated(self, digest: str) -> tuple[EvaluationReport, list[Step]]:
        """The last evaluation of the run that made a model, and its steps. A fallback was evaluated beside another."""
        with self._workspace.ledger.read() as connection:
            model = models.get_model(connection, digest)
            found = [step for _, step in steps.steps_of(connection, model.run)]
        for step in reversed(found):
            if step.discipline == "evaluation":
                return Judged.from_document(step.outputs).report, found
        raise StoreError(f"model {digest[:12]} was never evaluated", where=self._workspace.ledger.where)


class _Showing:
    """Shows days, one after the other, to monitors that may have come differently far."""

    def __init__(
        self,
        memory: WatchMemory,
        watching: Sequence[MonitorDeclaration],
        parts: Parts,
        causes: set[tuple[str, str]],
    ) -> None:
        self._memory = memory
        self._watching = list(watching)
        self._parts = parts
        self._causes = causes
        self.days: set[date] = set()

    def first(self, begin: date) -> date | None:
        """The first day that one of the monitors has not taken in; None where there is no monitor."""
        reached = [self._of(each).next_day or begin for each in self._watching]
        for each in self._watching:
            self._of(each).next_day = self._of(each).next_day or begin
        return min(reached) if reached else None

    def _of(self, declared: MonitorDeclaration) -> WatchedBy:
        return self._memory.monitors.setdefault(declared.monitor.name, WatchedBy())

    def show(self, watched: Watched, days: Iterator[DayOfTraffic]) -> None:
        """Show days on which a model was in service. A monitor that fails at one stays there."""
        for day in days:
            for declared in list(self._watching):
                own = self._of(declared)
                if own.next_day is not None and day.day < own.next_day:
                    continue
                try:
                    self._show_one(declared, own, day, watched)
                except Exception as error:
                    self._parts.fail(f"monitor {declared.monitor.name}", error)
                    self._watching.remove(declared)
            self.days.add(day.day)
            if not self._watching:
                return
        for declared in self._watching:
            self._parts.works(f"monitor {declared.monitor.name}")

    def _show_one(self, declared: MonitorDeclaration, own: WatchedBy, day: DayOfTraffic, watched: Watched) -> None:
        monitor = declared.monitor
        state, findings = monitor.observe(day, own.state, watched)
        if own.champion not in ("", watched.release):
            self._begin_anew(monitor.name)
        own.champion, own.state, own.next_day = watched.release, state, day.day + _DAY
        for finding in findings:
            self._causes.discard((monitor.name, finding.cause))
            if not finding.over:
                self._causes.add((monitor.name, finding.cause))
        self._parts.add(*findings)

    def _begin_anew(self, monitor: str) -> None:
        """What was found about another version is over with it."""
        for name, cause in sorted(self._causes):
            if name == monitor:
                over = "another version is in service"
                self._parts.add(Finding(level="warning", monitor=name, cause=cause, summary=over, over=True))
                self._causes.discard((name, cause))


class _Reigns:
    """Which model was the champion on which day: the one in service when the day began."""

    def __init__(self, history: Sequence[Release], now: datetime) -> None:
        self._releases = sorted(history, key=lambda release: release.number)
        self._since: list[datetime] = []
        earliest = now
        for release in reversed(self._releases):  # a release is not later than the next one, whatever a clock said
            earliest = min(earliest, release.at)
            self._since.insert(0, earliest)

    @property
    def begin(self) -> date:
        """The day on which the present champion came into service."""
        present, begin = champion_of(self._releases[-1]), self._since[-1]
        for release, since in zip(reversed(self._releases), reversed(self._since), strict=True):
            if champion_of(release) != present:
                break
            begin = since
        return begin.date()

    def on(self, day: date) -> str:
        """The champion's digest."""
        start = datetime.combine(day, time(), tzinfo=UTC)
        chosen = self._releases[0]
        for release, since in zip(self._releases, self._since, strict=True):
            if since <= start:
                chosen = release
        return champion_of(chosen)

    def between(self, first: date | None, last: date) -> Iterator[tuple[str, tuple[date, date]]]:
        """The champions of the days from `first` to `last`, each with its first and last day of them."""
        while first is not None and first <= last:
            digest, until = self.on(first), first
            while until < last and self.on(until + _DAY) == digest:
                until += _DAY
            yield digest, (first, until)
            first = until + _DAY


class _Layouts(Mapping[str, Sequence[str]]):
    """The features of each registered model, in order; a manifest is read when it is first asked for."""

    def __init__(self, workspace: Workspace, project: str) -> None:
        self._workspace = workspace
        self._project = project
        self._known: list[str] = []
        self._manifests: dict[str, Manifest] = {}

    def refresh(self) -> None:
        """Look at which models are registered by now."""
        with self._workspace.ledger.read() as connection:
            self._known = [model.digest for model in models.list_models(connection, self._project)]

    def manifest(self, digest: str) -> Manifest:
        """What a registered model's package says of itself, verified."""
        if digest not in self._manifests:
            self._manifests[digest] = self._workspace.open_model(digest).manifest
        return self._manifests[digest]

    def __getitem__(self, digest: str) -> Sequence[str]:
        return self.manifest(digest).features

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _at_most(moment: datetime | None, limit: datetime) -> datetime | None:
    return None if moment is None else min(moment, limit)
