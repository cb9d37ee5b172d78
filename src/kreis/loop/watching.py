"""Watching: keeps the circle turning. Each look ships the log, shows finished days to the monitors, moves a canary
on, and walks the circle again when a monitor sends the work back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from kreis.clock import SimulatedClock, SystemClock
from kreis.deployment.packages import Package, open_package
from kreis.deployment.predictions.shipping import PREDICTIONS, ship
from kreis.deployment.releases import challenger_of, champion_of, publish
from kreis.durable import make_directory, write_durably
from kreis.errors import ProjectError, ServiceError, StoreError
from kreis.evaluation.evaluate import EvaluationReport
from kreis.identifiers import new_id
from kreis.ledger import alerts, models, releases, steps
from kreis.ledger.records import Alert, Release
from kreis.loop.canary import CanaryMove, move_canary
from kreis.loop.workspace import Workspace
from kreis.monitoring.monitor import Finding, Watched
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.traffic import days_of_traffic
from kreis.preparation.views import parse_duration
from kreis.project import MonitorDeclaration, Project

__all__ = ["CircleOutcome", "Look", "Watcher", "keep_watching", "report_of", "run_in_child"]

_DAY = timedelta(days=1)


class CircleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a circle ended that a monitor's alert started."""

    run: str
    status: str
    reason: str


@dataclass(kw_only=True)
class Look:
    """What one look found and did."""

    at: datetime
    predictions: int
    """Moved into the lake."""
    days: list[date]
    """Days that were shown to the monitors."""
    findings: list[Finding] = field(default_factory=list)
    drift: tuple[float, str] | None = None
    """The feature that has moved most over the drift monitor's window, and by how much (corrected PSI)."""
    canary: CanaryMove | None = None
    sent_back: Alert | None = None
    circle: CircleOutcome | None = None

    @property
    def line(self) -> str:
        """In one line."""
        parts = [f"{self.at:%Y-%m-%d %H:%M} {self.predictions:,} predictions moved"]
        parts += [finding.summary for finding in self.findings]
        if self.canary is not None:
            parts.append(self.canary.reason)
        if self.circle is not None:
            parts.append(f"circle {self.circle.status}: {self.circle.reason}")
        return "; ".join(parts)


class _Memory(msgspec.Struct, kw_only=True):
    """What is kept between looks; derived from the record, so losing it costs only the monitors' patience."""

    champion: str = ""
    next_day: date | None = None
    """The first day that the monitors have not taken in yet."""
    states: dict[str, Any] = {}
    quiet_until: datetime | None = None
    """Until when no monitor may send the work back again."""
    waiting: str | None = None
    """The alert that waits for that moment."""


class Watcher:
    """Looks at a project's service, again and again."""

    def __init__(
        self, project: Project, workspace: Workspace, *, circle: Callable[[datetime, str], CircleOutcome]
    ) -> None:
        self._project = project
        self._workspace = workspace
        self._circle = circle
        self._path = workspace.state / "watch.json"
        self._packages: dict[str, Package] = {}
        self._watching: Watched | None = None
        make_directory(workspace.state)
        self._memory = self._load()

    def look(self, now: datetime) -> Look:
        """Look once, as of `now`.

        Raises:
            StoreError: a store failed.
        """
        workspace = self._workspace
        moved = ship(workspace.journal_folder, workspace.lake, workspace.actor)
        look = Look(at=now, predictions=moved.predictions, days=[])
        with workspace.ledger.read() as connection:
            release = releases.current_release(connection, self._project.name)
        if release is None or workspace.lake.latest(PREDICTIONS) is None:
            return look
        self._begin_anew_with(champion_of(release))
        for day in self._days(release, now):
            look.days.append(day.day)
            for declared in self._project.monitors:
                look.findings += self._show(declared, day, release)
            if day.matured:
                self._memory.next_day = day.day + _DAY
        look.drift = _greatest_drift(self._memory.states)
        look.canary = self._move_canary(release, now)
        raised = self._alert(look.findings)
        if raised is not None:
            self._memory.waiting = raised.id
        self._send_back(look, now)
        self._save()
        return look

    def _send_back(self, look: Look, now: datetime) -> None:
        """Walk the circle for the alert that waits, unless it is too soon or a canary is still going on."""
        memory = self._memory
        if memory.waiting is None or (memory.quiet_until is not None and now < memory.quiet_until):
            return
        with self._workspace.ledger.read() as connection:
            alert = alerts.get_alert(connection, memory.waiting)
            release = releases.current_release(connection, self._project.name)
        if release is None or challenger_of(release) is not None:
            return
        look.sent_back = alert
        look.circle = self._circle(now, alert.id)
        pause = next(each for each in self._project.monitors if each.monitor.name == alert.monitor).at_most_every
        memory.quiet_until = now + parse_duration(pause)
        memory.waiting = None
        memory.states = {}

    def _begin_anew_with(self, champion: str) -> None:
        """Monitors compare with the evaluation of the model in service: another model, another beginning."""
        if self._memory.champion != champion:
            self._memory = _Memory(
                champion=champion, next_day=self._memory.next_day, quiet_until=self._memory.quiet_until
            )

    def _days(self, release: Release, now: datetime) -> Iterator[DayOfTraffic]:
        yesterday = now.date() - _DAY
        first = self._memory.next_day or release.at.date()
        if first > yesterday:
            return
        champion = self._package(champion_of(release))
        yield from days_of_traffic(
            self._workspace.lake,
            first,
            yesterday,
            now=now,
            features=champion.manifest.features,
            layouts=self._layouts(),
        )

    def _layouts(self) -> Mapping[str, list[str]]:
        with self._workspace.ledger.read() as connection:
            known = models.list_models(connection, self._project.name)
        return {model.digest: self._package(model.digest).manifest.features for model in known}

    def _package(self, digest: str) -> Package:
        if digest not in self._packages:
            workspace = self._workspace
            with workspace.ledger.read() as connection:
                model = models.get_model(connection, digest)
            self._packages[digest] = open_package(
                digest, model.signature, workspace.artifacts, workspace.keys.trusted()
            )
        return self._packages[digest]

    def _show(self, declared: MonitorDeclaration, day: DayOfTraffic, release: Release) -> list[Finding]:
        name = declared.monitor.name
        state, findings = declared.monitor.observe(day, self._memory.states.get(name), self._watched(release))
        self._memory.states[name] = state
        return findings

    def _watched(self, release: Release) -> Watched:
        digest = champion_of(release)
        if self._watching is None or self._watching.release != digest:
            report = report_of(self._workspace, digest)
            self._watching = Watched(
                release=digest,
                goal=self._project.goal,
                value=report.value,
                reference=self._package(digest).manifest.reference,
                daily=report.daily,
            )
        return self._watching

    def _move_canary(self, release: Release, now: datetime) -> CanaryMove | None:
        move = move_canary(self._project, self._workspace, release, now, open_model=self._package)
        if move is not None:
            publish(self._workspace.ledger, self._project.name, self._workspace.service_folder, self._workspace.keys)
        return move

    def _alert(self, findings: list[Finding]) -> Alert | None:
        """Put findings into the record; return the first that sends the work back, if any."""
        first = None
        workspace = self._workspace
        places = {declared.monitor.name: declared.sends_back_to for declared in self._project.monitors}
        for finding in findings:
            with workspace.ledger.record(
                event="alert.raised", subject=finding.monitor, actor=workspace.actor, reason=finding.summary
            ) as tx:
                alert = Alert(
                    id=new_id(tx.now),
                    project=self._project.name,
                    monitor=finding.monitor,
                    level=finding.level,
                    summary=finding.summary,
                    detail=finding.detail,
                    to=places[finding.monitor] if finding.sends_back else None,
                    at=tx.now,
                )
                alerts.add_alert(tx, alert)
            if finding.sends_back and first is None:
                first = alert
        return first

    def _load(self) -> _Memory:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Memory)
        except (FileNotFoundError, msgspec.MsgspecError):
            return _Memory()

    def _save(self) -> None:
        write_durably(self._path, msgspec.json.encode(self._memory))


def _greatest_drift(states: Mapping[str, Any]) -> tuple[float, str] | None:
    moved = states.get("drift", {}).get("moved", {})
    found = [(each["psi"], name) for name, each in moved.items() if each["psi"] is not None]
    return max(found) if found else None


def report_of(workspace: Workspace, digest: str) -> EvaluationReport:
    """The evaluation that let a model into service.

    Raises:
        StoreError: the record holds none.
    """
    with workspace.ledger.read() as connection:
        model = models.get_model(connection, digest)
        for _, step in steps.steps_of(connection, model.run):
            if step.discipline == "evaluation":
                return EvaluationReport.from_document(step.outputs["report"])
    raise StoreError(f"model {digest[:12]} was never evaluated", where=workspace.ledger.where)


def run_in_child(workspace: Workspace, *, simulated: bool = False) -> Callable[[datetime, str], CircleOutcome]:
    """A circle in a process of its own: what it loads and leaks ends with it."""

    def circle(as_of: datetime, trigger: str) -> CircleOutcome:
        command = [sys.executable, "-m", "kreis", "run", "--as-of", as_of.isoformat(), "--trigger", trigger, "--json"]
        done = subprocess.run(
            command + (["--simulated-time"] if simulated else []),
            cwd=workspace.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            document = json.loads(done.stdout)
        except ValueError as error:
            raise ServiceError(
                "the circle's process ended without a result",
                where=str(workspace.folder),
                hint=done.stderr.strip()[-2000:] or f"exit code {done.returncode}",
            ) from error
        if "error" in document:
            said = document["error"]
            return CircleOutcome(run="", status="failed", reason=f"{said['where'] or ''} {said['message']}".strip())
        last = document["verdicts"][-1]
        return CircleOutcome(
            run=document["run"], status=document["status"], reason=last.get("summary") or last.get("reason", "")
        )

    return circle


def keep_watching(workspace: Workspace, *, every: str, once: bool) -> Iterator[Look]:
    """Look now, and then every so often, until interrupted.

    Raises:
        ProjectError: `every` is no duration, or the project is wrong.
    """
    try:
        pause = parse_duration(every).total_seconds()
    except ValueError as error:
        raise ProjectError(str(error), where="--every") from error
    project = workspace.load_project()
    clock = workspace.clock if isinstance(workspace.clock, SimulatedClock) else SystemClock()
    watcher = Watcher(project, workspace, circle=run_in_child(workspace))
    while True:
        yield watcher.look(clock.now())
        if once:
            return
        time.sleep(pause)
