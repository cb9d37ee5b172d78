"""Watching: keeps the circle turning. Each look moves the log into the lake, shows days to the monitors, moves a canary
on, and walks the circle again when a monitor sends the work back.

A look's parts fail one by one: what fails is told and on record as an alert of the monitor "watch", the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock, SystemClock
from kreis.deployment.predictions.shipping import FAILURES, PREDICTIONS
from kreis.deployment.releases import challenger_of, champion_of
from kreis.disciplines import DISCIPLINES, Discipline
from kreis.durable import make_directory
from kreis.durations import parse_duration
from kreis.errors import CorruptionError, ProjectError
from kreis.ledger import alerts, levels, releases, runs
from kreis.ledger.records import Alert, LevelMove, Release
from kreis.ledger.store import Transaction
from kreis.monitoring.monitor import Finding
from kreis.monitoring.strays import early_outcomes, stray_outcomes
from kreis.project import Project
from kreis.texts import counted
from kreis.watching.adapting import Adapting, Moved, move_told
from kreis.watching.alerting import Alerting, open_causes
from kreis.watching.children import CircleOutcome, collect_in_child, run_in_child
from kreis.watching.looking import Parts, Shown, Viewer
from kreis.watching.memory import WatchMemory, forget_file, load_memory, save_memory
from kreis.ways.canary import CanaryMove, move_canary
from kreis.ways.choice import comparing
from kreis.ways.tabular.feeding import stale_features
from kreis.workspace import Workspace

__all__ = ["Look", "Watcher", "keep_watching"]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEVERAL = 3
_STRAY = "outcomes without a prediction"
_EARLY = "outcomes from before their prediction"
_STALE = "features that are too old"
_LEVELS = "levels of coverage"


@dataclass(kw_only=True)
class Look:
    """What one look found and did."""

    at: datetime
    predictions: int = 0
    """Moved into the lake."""
    outcomes: int = 0
    """Moved into the lake."""
    days: list[date] = field(default_factory=list)
    """Days that were shown to a monitor, in order."""
    findings: list[Finding] = field(default_factory=list)
    """What raised or closed an alert."""
    drift: tuple[float, str] | None = None
    """The feature that has moved most over a drift monitor's window, and by how much (corrected PSI)."""
    moved: list[LevelMove] = field(default_factory=list)
    """Levels of coverage that outcomes moved."""
    collected: CircleOutcome | None = None
    canary: CanaryMove | None = None
    sent_back: Alert | None = None
    circle: CircleOutcome | None = None
    errors: list[str] = field(default_factory=list)
    """What failed of the look; the rest was done."""
    exit_code: int = 0
    """Of the first that failed."""

    @property
    def text(self) -> str:
        """What was moved, then a line for each thing that a person should know."""
        moved = f"{counted(self.predictions, 'prediction')} moved, {counted(self.outcomes, 'outcome')}"
        collected = "" if self.collected is None else "; new data collected"
        parts = [f"{self.at:%Y-%m-%d %H:%M} {moved}{collected}"]
        parts += [f"over: {each.summary}" if each.over else each.summary for each in self.findings]
        parts += [move_told(each) for each in self.moved]
        if self.canary is not None:
            parts.append(self.canary.reason)
        if self.circle is not None:
            parts.append(f"circle {self.circle.status}: {self.circle.reason}")
        told = {finding.summary for finding in self.findings}
        parts += [error for error in self.errors if error not in told]
        return "\n  ".join(parts)


class Watcher:
    """Looks at a project's service, again and again."""

    def __init__(
        self,
        project: Project,
        workspace: Workspace,
        *,
        circle: Callable[[datetime, str, Discipline], CircleOutcome],
        collect: Callable[[datetime], CircleOutcome] | None = None,
        close_log: Callable[[], None] | None = None,
        stale: Callable[[datetime], str | None] | None = None,
    ) -> None:
        """Watch a project.

        Args:
            project: What is watched.
            workspace: Where.
            circle: Walks the circle at a moment, for an alert's id, from the discipline that it names.
            collect: Brings new data; not at all if not given.
            close_log: Asks the service to close the log's segment in use, so that it can be moved.
            stale: Says where the service's features are too old.
        """
        self._project = project
        self._workspace = workspace
        self._circle = circle
        self._collect = collect
        self._close_log = close_log
        self._stale = stale
        self._viewer = Viewer(project, workspace)
        self._adapting = Adapting(project, workspace)
        self._alerting = Alerting(project.name, {each.monitor.name: each.sends_back_to for each in project.monitors})
        self._memory: WatchMemory | None = None
        self._on_record = False
        make_directory(workspace.state)

    def look(self, now: datetime) -> Look:
        """Look once, as of `now`.

        Raises:
            StoreError: the ledger failed, so that nothing could be put on record.
        """
        look, parts = Look(at=now), Parts()
        with parts.part("collection"):
            look.collected = self._collected(now)
        if self._close_log is not None:
            with parts.part("service"):
                self._close_log()
        with parts.part("log"):
            moved = self._workspace.prediction_log.ship(self._workspace.lake, self._workspace.actor)
            look.predictions, look.outcomes = moved.predictions, moved.outcomes
            for warning in moved.warnings:
                parts.happened(warning)
            if moved.damaged:
                parts.exit_code = parts.exit_code or CorruptionError.exit_code
        if look.outcomes:
            with parts.part("outcomes"):
                horizon = self._project.horizon
                parts.state(_STRAY, stray_outcomes(self._workspace.lake, now, horizon))
                parts.state(_EARLY, early_outcomes(self._workspace.lake, now, horizon))
        if self._stale is not None:
            with parts.part("features"):
                parts.state(_STALE, self._stale(now))
        with parts.part("memory"):
            if self._memory is None:
                self._memory, self._on_record = load_memory(self._workspace, self._project.name)
        shown = self._show(now, parts)
        look.days = shown.days if shown is not None else []
        moves = self._adapt(now, parts, None if shown is None else shown.memory)
        self._record(look, parts, None if shown is None else shown.memory, moves)
        if self._adapting.asked:
            with parts.part("levels"):  # of an earlier look as well, which was ended before it told the service
                self._workspace.releases(self._project.name).publish()
        with parts.part("canary"):
            look.canary = self._move_canary(now)
        self._send_back(look, now, parts)
        self._record(look, parts, None)
        look.drift = _greatest_drift(self._memory)
        look.errors, look.exit_code = parts.errors, parts.exit_code
        return look

    def _collected(self, now: datetime) -> CircleOutcome | None:
        """Collect, unless any run has done so within the last hour."""
        if self._collect is None:
            return None
        with self._workspace.ledger.read() as connection:
            last = runs.list_runs(connection, self._project.name, limit=1)
        if last and timedelta() <= now - last[0].started_at < _HOUR:
            return None
        outcome = self._collect(now)
        if outcome.status != "advanced":
            raise ProjectError(f"new data were not collected: {outcome.reason}", hint="kreis run --until preparation")
        return outcome

    def _show(self, now: datetime, parts: Parts) -> Shown | None:
        if self._memory is None or not any(self._workspace.lake.latest(each) for each in (PREDICTIONS, FAILURES)):
            return None
        with self._workspace.ledger.read() as connection:
            history = releases.list_releases(connection, self._project.name)
            causes = set(open_causes(connection, self._project.name))
        return self._viewer.show(self._memory.copy(), history, now, parts, causes) if history else None

    def _adapt(self, now: datetime, parts: Parts, memory: WatchMemory | None) -> list[LevelMove]:
        """The moves of levels; `memory` is changed."""
        moved = Moved()
        if memory is not None and self._adapting.asked:
            with parts.part("coverage"):
                with self._workspace.ledger.read() as connection:
                    history = releases.list_releases(connection, self._project.name)
                moved = self._adapting.look(memory, history, now)
                parts.state(_LEVELS, moved.problem)
        return moved.moves

    def _record(self, look: Look, parts: Parts, memory: WatchMemory | None, moves: Sequence[LevelMove] = ()) -> None:
        """Put findings and memory on record, in one transaction; nothing is written where nothing has changed."""
        workspace, name = self._workspace, self._project.name
        findings = parts.take()
        with workspace.ledger.read() as connection:
            now_open = open_causes(connection, name)
        needed = self._alerting.needed(findings, now_open)
        changed = memory is not None and (memory != self._memory or not self._on_record)
        if not needed and not changed and not moves:
            return
        with workspace.ledger.record(
            event="watch.looked", subject=name, actor=workspace.actor, reason=_reason(needed, look, moves)
        ) as tx:
            if changed and not self._on_record:
                _close_those_of_before(tx, name)
            done = self._alerting.write(tx, needed)
            moved = [levels.add_move(tx, each) for each in moves]
            outputs = {"raised": [each.id for each in done.raised], "closed": [each.id for each in done.closed]}
            tx.set_outputs(outputs | ({"moved": [each.number for each in moved]} if moved else {}))
            if changed and memory is not None:
                save_memory(tx, name, memory)
        look.findings += needed
        look.moved += moved
        if changed:
            self._memory = memory
            if not self._on_record:
                forget_file(workspace)
            self._on_record = True

    def _move_canary(self, now: datetime) -> CanaryMove | None:
        release = self._current_release()
        if release is None:
            return None
        return move_canary(self._project, self._workspace, release, now, comparing(self._project))

    def _current_release(self) -> Release | None:
        with self._workspace.ledger.read() as connection:
            return releases.current_release(connection, self._project.name)

    def _send_back(self, look: Look, now: datetime, parts: Parts) -> None:
        """Walk the circle for the oldest alert that sends the work back, and again while its cause lasts; unless it is
        too soon or a canary is still going on. A circle that fails answers nothing: the alert waits on, and the circle
        is tried again after pauses that grow.
        """
        memory = self._memory
        if memory is None or any(each is not None and now < each for each in (memory.quiet_until, memory.retry_at)):
            return
        release = self._current_release()
        if release is None or challenger_of(release) is not None:
            return
        waiting = self._waiting(champion_of(release), memory)
        if not waiting:
            return
        look.sent_back = alert = waiting[-1]
        outcome = CircleOutcome(run="", status="failed", reason="")
        with parts.part("circle"):
            try:
                outcome = look.circle = self._circle(now, alert.id, _earliest(waiting))
            except Exception as error:
                look.circle = CircleOutcome(run="", status="failed", reason=str(error))
                raise
            if outcome.status == "failed":
                raise ProjectError(f"the circle for alert {alert.id[:18]} failed: {outcome.reason}")
        after = memory.copy()
        if outcome.status == "failed":
            after.failures += 1
            after.retry_at = now + min(_HOUR * 2 ** min(after.failures - 1, 8), _DAY)
        else:
            after.failures, after.retry_at = 0, None
            after.quiet_until = now + self._pause(alert)
        self._answer(waiting, outcome, after)

    def _waiting(self, champion: str, memory: WatchMemory) -> list[Alert]:
        """Open alerts that send the work back and are about the version in service; the newest first."""
        with self._workspace.ledger.read() as connection:
            found = alerts.list_alerts(connection, self._project.name, open_only=True)
        about = {name: each.champion for name, each in memory.monitors.items()}
        return [alert for alert in found if alert.to is not None and about.get(alert.monitor) in (champion, "", None)]

    def _answer(self, waiting: Sequence[Alert], outcome: CircleOutcome, after: WatchMemory) -> None:
        """One circle answers all alerts that waited for one; a failed one answers none."""
        workspace = self._workspace
        with workspace.ledger.record(
            event="watch.sent_back",
            subject=waiting[-1].id,
            actor=workspace.actor,
            reason=f"circle {outcome.status}" + (f": {outcome.reason}" if outcome.reason else ""),
        ) as tx:
            for alert in waiting if outcome.status != "failed" and outcome.run else ():
                alerts.answer_alert(tx, alert.id, outcome.run)
            save_memory(tx, self._project.name, after)
        self._memory = after

    def _pause(self, alert: Alert) -> timedelta:
        declared = [each for each in self._project.monitors if each.monitor.name == alert.monitor]
        return parse_duration(declared[0].at_most_every) if declared else _DAY


def _earliest(waiting: Sequence[Alert]) -> Discipline:
    """The first discipline that one of the alerts sends the work back to: one circle answers them all."""
    named = {alert.to for alert in waiting}
    return next((each for each in DISCIPLINES if each in named), "requirements")


def _reason(needed: Sequence[Finding], look: Look, moves: Sequence[LevelMove]) -> str:
    said = [f"over: {each.summary}" if each.over else each.summary for each in needed]
    said += [move_told(each) for each in moves]
    more = [f"and {len(said) - _SEVERAL} more"] if len(said) > _SEVERAL else []
    days = f"days up to {look.days[-1]} were looked at" if look.days else "looked"
    return "; ".join([*said[:_SEVERAL], *more]) or days


def _close_those_of_before(tx: Transaction, project: str) -> None:
    """Alerts of versions that closed none; what lasts is raised again. One that waits for a circle waits on."""
    for alert in alerts.list_alerts(tx.connection, project, open_only=True):
        if alert.cause is None and (alert.to is None or alert.run is not None):
            alerts.close_alert(tx, alert, "raised by a version that closed no alerts; what lasts is raised again")


def _greatest_drift(memory: WatchMemory | None) -> tuple[float, str] | None:
    states: list[dict[str, Any]] = [each.state or {} for each in memory.monitors.values()] if memory else []
    moved = [(each["psi"], name) for state in states for name, each in state.get("moved", {}).items()]
    found = [(psi, name) for psi, name in moved if psi is not None]
    return max(found) if found else None


def keep_watching(workspace: Workspace, *, every: str, once: bool, collect: bool = False) -> Iterator[Look]:
    """Look now, and then every so often, until interrupted. A look that fails as a whole is told, and the next comes.

    Raises:
        ProjectError: `every` is no duration, or the project is wrong.
        StoreError: the only look failed as a whole, or the ledger is of an earlier schema.
    """
    try:
        pause = parse_duration(every).total_seconds()
    except ValueError as error:
        raise ProjectError(str(error), where="--every") from error
    project = workspace.load_project()
    workspace.ledger.check_writable()
    clock = workspace.clock if isinstance(workspace.clock, SimulatedClock) else SystemClock()
    watcher = Watcher(
        project,
        workspace,
        circle=run_in_child(workspace),
        collect=collect_in_child(workspace) if collect else None,
        close_log=lambda: close_segment(workspace),
        stale=lambda now: stale_features(project, workspace, now),
    )
    while True:
        now = clock.now()
        try:
            look = watcher.look(now)
        except Exception as error:
            if once:
                raise
            look = Look(at=now, errors=[f"{type(error).__name__}: {error}"], exit_code=getattr(error, "exit_code", 1))
        yield look
        if once:
            return
        time.sleep(pause)
