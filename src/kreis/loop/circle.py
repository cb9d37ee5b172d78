"""One walk around the circle: a state machine over verdicts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from kreis.digests import digest_of_file
from kreis.errors import KreisError, ProjectError
from kreis.identifiers import new_id
from kreis.ledger import alerts, documents, runs
from kreis.ledger.records import Document, Run
from kreis.ledger.records import Verdict as VerdictRecord
from kreis.ledger.store import Ledger
from kreis.loop.belonging import settle_belonging
from kreis.loop.disciplines import collection, deployment, evaluation, preparation, requirements, training
from kreis.loop.observer import Observer, Silent
from kreis.loop.state import Circle
from kreis.loop.steps import Memory, StepResult
from kreis.loop.verdicts import DISCIPLINES, Advance, Discipline, Fail, Hold, SendBack, Verdict
from kreis.loop.workspace import Workspace, calm_threads
from kreis.project import Project

__all__ = ["RunResult", "run_circle", "walked"]

_PERFORM: dict[Discipline, Callable[[Circle], Verdict]] = {
    "requirements": requirements.perform,
    "collection": collection.perform,
    "preparation": preparation.perform,
    "training": training.perform,
    "evaluation": evaluation.perform,
    "deployment": deployment.perform,
}

Status = Literal["advanced", "held", "sent_back", "failed"]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended."""

    run: str
    as_of: datetime
    status: Status
    verdicts: dict[Discipline, Verdict]
    steps: list[StepResult] = field(repr=False)
    circle: Circle = field(repr=False)

    @property
    def computed(self) -> int:
        """Steps computed by this run; the others were remembered."""
        return sum(not step.remembered for step in self.steps)

    @property
    def last(self) -> Verdict:
        """The verdict that it ended with."""
        return list(self.verdicts.values())[-1]


def run_circle(
    project: Project,
    workspace: Workspace,
    *,
    as_of: datetime,
    until: Discipline = "deployment",
    start: Discipline = "requirements",
    trigger: str = "manual",
    observer: Observer | None = None,
) -> RunResult:
    """Walk the circle as of a moment: nothing known later is used.

    Args:
        project: What to do.
        workspace: Where.
        as_of: The moment.
        until: The last discipline to walk.
        start: Discipline from which remembered steps are computed anew.
        trigger: "manual", or the id of the alert that sent the work back.
        observer: Is told what happens.

    Returns:
        How it ended; failures of data and gates are verdicts, not exceptions.

    Raises:
        ProjectError: the declaration is wrong, or the moment lies in the future.
        StoreError: a store failed, or another run is at work in this folder.
    """
    until, start = walked(until), walked(start)
    if as_of > workspace.clock.now():
        raise ProjectError(
            f"{as_of:%Y-%m-%d %H:%M} UTC lies in the future: what will be known by then is not known yet",
            where="--as-of, or as_of in kreis.toml",
            hint="choose a moment that has passed",
        )
    calm_threads()
    with workspace.only_run():
        walk = _Walk(project, workspace, as_of, trigger, Silent() if observer is None else observer, start)
        return walk.through(until)


def walked(name: str) -> Discipline:
    """A discipline that a run walks, by name.

    Raises:
        ProjectError: there is none of this name, or it is left to `kreis watch`.
    """
    for discipline in _PERFORM:
        if discipline == name:
            return discipline
    raise ProjectError.unknown_name("discipline", name, _PERFORM)


class _Walk:
    """The state of one run of the machine."""

    def __init__(
        self,
        project: Project,
        workspace: Workspace,
        as_of: datetime,
        trigger: str,
        observer: Observer,
        start: Discipline,
    ) -> None:
        self._workspace = workspace
        self._observer = observer
        self._trigger = trigger
        self._steps: list[StepResult] = []
        ledger = workspace.ledger
        settle_belonging(ledger, workspace.lake_folder, project.name, actor=workspace.actor)
        run = Run(
            id=new_id(workspace.clock.now()),
            project=project.name,
            as_of=as_of,
            status="running",
            trigger=trigger,
            started_at=workspace.clock.now(),
            pins=_pins(workspace),
            goal=project.goal.digest,
        )
        _close_interrupted(ledger, workspace, project.name, run.id)
        with ledger.record(event="run.started", subject=run.id, actor=workspace.actor, reason=trigger) as tx:
            documents.put_document(
                tx,
                Document(
                    digest=project.goal.digest,
                    kind="goal",
                    name=project.name,
                    body=msgspec.json.encode(project.goal.to_document(), order="sorted").decode(),
                ),
            )
            runs.start_run(tx, run)
        again = frozenset(DISCIPLINES[DISCIPLINES.index(start) :]) if start != "requirements" else frozenset()
        memory = Memory(ledger, run=run.id, actor=workspace.actor, again=again)
        memory.on_working = observer.working
        memory.on_done = self._done
        self._memory = memory
        self.circle = Circle(project=project, workspace=workspace, as_of=as_of, run=run.id, memory=memory)

    def _done(self, step: StepResult) -> None:
        self._steps.append(step)
        self._observer.done(step)

    def through(self, until: Discipline) -> RunResult:
        verdicts: dict[Discipline, Verdict] = {}
        status: Status = "advanced"
        for discipline in DISCIPLINES[: DISCIPLINES.index(until) + 1]:
            self._observer.begin(discipline)
            try:
                verdict = _PERFORM[discipline](self.circle)
            except KreisError as error:
                self._conclude(discipline, Fail(reason=str(error)))
                self._finish("failed", str(error))
                raise
            except KeyboardInterrupt:
                self._finish("failed", f"{discipline}: interrupted")
                raise
            verdicts[discipline] = verdict
            self._conclude(discipline, verdict)
            self._observer.conclude(discipline, verdict)
            match verdict:
                case Advance():
                    continue
                case SendBack():
                    status = "sent_back"
                case Hold():
                    status = "held"
                case Fail():
                    status = "failed"
            break
        self._finish(status, _reason(verdicts))
        return RunResult(
            run=self.circle.run,
            as_of=self.circle.as_of,
            status=status,
            verdicts=verdicts,
            steps=self._steps,
            circle=self.circle,
        )

    def _conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        kind, reason, to = _described(verdict)
        ledger = self._workspace.ledger
        with ledger.record(
            event=f"verdict.{kind}", subject=self.circle.run, actor=self._workspace.actor, reason=reason
        ) as tx:
            self._memory.write_pending(tx)
            runs.add_verdict(
                tx,
                VerdictRecord(
                    run=self.circle.run,
                    discipline=discipline,
                    kind=kind,
                    reason=reason,
                    to=to,
                    detail=verdict.detail,
                    at=tx.now,
                ),
            )

    def _finish(self, status: Status, reason: str) -> None:
        with self._workspace.ledger.record(
            event="run.finished", subject=self.circle.run, actor=self._workspace.actor, reason=reason
        ) as tx:
            runs.finish_run(tx, self.circle.run, status, tx.now)
            if self._trigger != "manual" and status != "failed":  # a run that failed answers nothing
                alerts.answer_alert(tx, self._trigger, self.circle.run)


def _described(verdict: Verdict) -> tuple[Literal["advance", "send_back", "hold", "fail"], str, str | None]:
    match verdict:
        case Advance():
            return "advance", verdict.summary, None
        case SendBack():
            return "send_back", verdict.reason, verdict.to
        case Hold():
            return "hold", f"{verdict.reason} (needs {verdict.needs})", None
        case Fail():
            return "fail", verdict.reason, None


def _reason(verdicts: dict[Discipline, Verdict]) -> str:
    discipline, verdict = list(verdicts.items())[-1]
    return f"{discipline}: {_described(verdict)[1]}"


def _close_interrupted(ledger: Ledger, workspace: Workspace, project: str, successor: str) -> None:
    """Runs that still say "running" were cut off: this process holds the folder's run lock. What they left half
    written, and nothing refers to, is cleared away first.
    """
    with ledger.read() as connection:
        open_runs = [run for run in runs.unfinished_runs(connection, project) if run.status == "running"]
    if open_runs:
        workspace.lake.repair()
        workspace.artifacts.sweep()
    for run in open_runs:
        with ledger.record(
            event="run.interrupted",
            subject=run.id,
            actor=workspace.actor,
            reason=f"its process ended early; resumed by {successor}",
        ) as tx:
            runs.finish_run(tx, run.id, "failed", tx.now)


def _pins(workspace: Workspace) -> dict[str, Any]:
    pins: dict[str, Any] = {"seed": workspace.settings.training.seed}
    commit = _git_commit(workspace.folder)
    if commit is not None:
        pins["git_commit"] = commit
    for name in ("uv.lock", "requirements.lock", "requirements.txt", "pylock.toml"):
        if (workspace.folder / name).is_file():
            pins["dependency_lock"] = {name: digest_of_file(workspace.folder / name)}
            break
    return pins


def _git_commit(folder: Path) -> str | None:
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
