"""The machine: walks a way through the circle, moved by verdicts."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from kreis.digests import digest_of_file
from kreis.errors import KreisError, ProjectError
from kreis.identifiers import new_id
from kreis.lake.belonging import settle_belonging
from kreis.ledger import alerts, documents, runs
from kreis.ledger.records import Run
from kreis.ledger.records import Verdict as VerdictRecord
from kreis.ledger.store import Ledger
from kreis.loop.observer import Observer, Silent
from kreis.loop.steps import Memory, StepOutput, StepResult
from kreis.loop.verdicts import DISCIPLINES, Advance, Discipline, Fail, Hold, SendBack, Verdict
from kreis.loop.way import RunContext, Way
from kreis.workspace import Workspace, set_passive_openmp_wait

__all__ = ["RunResult", "discipline_named", "walk"]

State = TypeVar("State")
Status = Literal["advanced", "held", "sent_back", "failed"]


@dataclass(frozen=True, kw_only=True)
class RunResult(Generic[State]):
    """How a run ended."""

    run: str
    as_of: datetime
    status: Status
    verdicts: dict[Discipline, Verdict]
    steps: list[StepResult[StepOutput]] = field(repr=False)
    state: State = field(repr=False)
    """What its disciplines left."""

    @property
    def computed(self) -> int:
        """Steps computed by this run; the others were remembered."""
        return sum(not step.remembered for step in self.steps)

    @property
    def last(self) -> Verdict:
        """The verdict that it ended with."""
        return list(self.verdicts.values())[-1]


def walk(
    way: Way[State],
    workspace: Workspace,
    *,
    as_of: datetime,
    until: str = "deployment",
    start: str = "requirements",
    trigger: str = "manual",
    observer: Observer | None = None,
) -> RunResult[State]:
    """Walk a way through the circle as of a moment: nothing known later is used.

    Args:
        way: What is done in each discipline.
        workspace: Where.
        as_of: The moment.
        until: The last discipline to walk.
        start: Discipline from which remembered steps are computed anew.
        trigger: "manual", or the id of the alert that sent the work back.
        observer: Is told what happens.

    Returns:
        How it ended; failures of data and gates are verdicts, not exceptions.

    Raises:
        ProjectError: the declaration is wrong, or the moment is in the future.
        StoreError: a store failed, or another run is at work in this folder.
    """
    last, first = discipline_named(way, until), discipline_named(way, start)
    if as_of > workspace.clock.now():
        raise ProjectError(
            f"{as_of:%Y-%m-%d %H:%M} UTC is in the future",
            where="--as-of, or as_of in kreis.toml",
            hint="choose a moment that has passed",
        )
    set_passive_openmp_wait()
    with workspace.only_run():
        return _Walk(way, workspace, as_of, trigger, Silent() if observer is None else observer, first).through(last)


def discipline_named(way: Way[Any], name: str) -> Discipline:
    """A discipline that a way walks, by name.

    Raises:
        ProjectError: there is none of this name, or it is left to `kreis watch`.
    """
    for discipline in way.performs:
        if discipline == name:
            return discipline
    raise ProjectError.unknown_name("discipline", name, way.performs)


class _Walk(Generic[State]):
    """The state of one run of the machine."""

    def __init__(
        self,
        way: Way[State],
        workspace: Workspace,
        as_of: datetime,
        trigger: str,
        observer: Observer,
        start: Discipline,
    ) -> None:
        self._way = way
        self._workspace = workspace
        self._observer = observer
        self._trigger = trigger
        self._steps: list[StepResult[StepOutput]] = []
        ledger = workspace.ledger
        settle_belonging(ledger, workspace.lake_storage, way.project, actor=workspace.actor)
        run = Run(
            id=new_id(workspace.clock.now()),
            project=way.project,
            as_of=as_of,
            status="running",
            trigger=trigger,
            started_at=workspace.clock.now(),
            pins=_pins(workspace),
            goal=way.goal.digest,
        )
        _close_interrupted(ledger, workspace, way.project, run.id)
        with ledger.record(event="run.started", subject=run.id, actor=workspace.actor, reason=trigger) as tx:
            documents.put_document(tx, way.goal)
            runs.start_run(tx, run)
        recompute = frozenset(DISCIPLINES[DISCIPLINES.index(start) :]) if start != "requirements" else frozenset()
        memory = Memory(ledger, run=run.id, actor=workspace.actor, libraries=way.libraries, recompute=recompute)
        memory.on_working = observer.working
        memory.on_done = self._done
        self._memory = memory
        self._run, self._as_of = run.id, as_of
        self._state = way.begin(RunContext(workspace=workspace, as_of=as_of, run=run.id, memory=memory))

    def _done(self, step: StepResult[StepOutput]) -> None:
        self._steps.append(step)
        self._observer.done(step)

    def through(self, until: Discipline) -> RunResult[State]:
        verdicts: dict[Discipline, Verdict] = {}
        status: Status = "advanced"
        for discipline in [each for each in self._way.performs if DISCIPLINES.index(each) <= DISCIPLINES.index(until)]:
            self._observer.begin(discipline)
            try:
                verdict = self._way.performs[discipline](self._state)
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
            run=self._run,
            as_of=self._as_of,
            status=status,
            verdicts=verdicts,
            steps=self._steps,
            state=self._state,
        )

    def _conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        reason, to = _described(verdict)
        ledger = self._workspace.ledger
        with ledger.record(
            event=f"verdict.{verdict.kind}", subject=self._run, actor=self._workspace.actor, reason=reason
        ) as tx:
            self._memory.write_pending(tx)
            runs.add_verdict(
                tx,
                VerdictRecord(
                    run=self._run,
                    discipline=discipline,
                    kind=verdict.kind,
                    reason=reason,
                    to=to,
                    detail=verdict.detail,
                    at=tx.now,
                ),
            )

    def _finish(self, status: Status, reason: str) -> None:
        with self._workspace.ledger.record(
            event="run.finished", subject=self._run, actor=self._workspace.actor, reason=reason
        ) as tx:
            runs.finish_run(tx, self._run, status, tx.now)
            if self._trigger != "manual" and status != "failed":  # a run that failed answers nothing
                alerts.answer_alert(tx, self._trigger, self._run)


def _described(verdict: Verdict) -> tuple[str, str | None]:
    match verdict:
        case Advance():
            return verdict.summary, None
        case SendBack():
            return verdict.reason, verdict.to
        case Hold():
            return f"{verdict.reason} (needs {verdict.needs})", None
        case Fail():
            return verdict.reason, None


def _reason(verdicts: dict[Discipline, Verdict]) -> str:
    discipline, verdict = list(verdicts.items())[-1]
    return f"{discipline}: {_described(verdict)[0]}"


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
