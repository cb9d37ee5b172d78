"""What a run writes of itself: that it began, what each discipline concluded in which round, and how it ended."""

from __future__ import annotations

import platform
import warnings
from datetime import datetime
from typing import Any

import msgspec

from kreis.digests import digest_of_file
from kreis.disciplines import Discipline
from kreis.errors import KreisWarning, StoreError
from kreis.identifiers import new_id
from kreis.lake.belonging import settle_belonging
from kreis.ledger import alerts, documents, runs
from kreis.ledger.records import Document, Run, RunStatus
from kreis.ledger.records import Verdict as VerdictRecord
from kreis.loop.steps import Memory
from kreis.loop.taking_over import TakenOver
from kreis.loop.verdicts import SendBack, Verdict, reason_of
from kreis.tracking.git import git_state
from kreis.workspace import Workspace

__all__ = ["RunRecord"]


class RunRecord:
    """One run in the ledger."""

    def __init__(self, workspace: Workspace, project: str, goal: Document, as_of: datetime, trigger: str) -> None:
        """Say that it begins; what earlier ones left open is closed."""
        self._ledger, self._workspace, self._trigger = workspace.ledger, workspace, trigger
        settle_belonging(workspace.ledger, workspace.lake_storage, project, actor=workspace.actor)
        run = Run(
            id=new_id(workspace.clock.now()),
            project=project,
            as_of=as_of,
            status="running",
            trigger=trigger,
            started_at=workspace.clock.now(),
            pins=_pins(workspace),
            goal=goal.digest,
        )
        self.id = run.id
        self._close_interrupted(project)
        with self._ledger.record(event="run.started", subject=run.id, actor=workspace.actor, reason=trigger) as tx:
            documents.put_document(tx, goal)
            runs.start_run(tx, run)

    def take_over(self, memory: Memory, found: TakenOver) -> None:
        """Let it rest on what an earlier run left, and hold its conclusions."""
        memory.enter(found.steps)
        reason = f"taken over from run {found.run.id}"
        with self._ledger.record(
            event="run.took_over", subject=self.id, actor=self._workspace.actor, reason=reason
        ) as tx:
            memory.write_pending(tx)
            for each in found.verdicts:
                detail = {**each.detail, "taken_over_from": found.run.id}
                runs.add_verdict(tx, msgspec.structs.replace(each, run=self.id, detail=detail, at=tx.now, round=1))

    def conclude(self, memory: Memory, discipline: Discipline, verdict: Verdict, number: int) -> None:
        """What a discipline concluded in a round, with the steps that it remembered."""
        reason = reason_of(verdict)
        with self._ledger.record(
            event=f"verdict.{verdict.kind}", subject=self.id, actor=self._workspace.actor, reason=reason
        ) as tx:
            memory.write_pending(tx)
            runs.add_verdict(
                tx,
                VerdictRecord(
                    run=self.id,
                    discipline=discipline,
                    kind=verdict.kind,
                    reason=reason,
                    to=verdict.to if isinstance(verdict, SendBack) else None,
                    detail=verdict.detail,
                    at=tx.now,
                    round=number,
                ),
            )

    def finish(self, status: RunStatus, reason: str) -> None:
        """How it ended. A run that failed answers no alert."""
        with self._ledger.record(
            event="run.finished", subject=self.id, actor=self._workspace.actor, reason=reason
        ) as tx:
            runs.finish_run(tx, self.id, status, tx.now, reason)
            if self._trigger != "manual" and status != "failed":
                alerts.answer_alert(tx, self._trigger, self.id)

    def _close_interrupted(self, project: str) -> None:
        """Runs that still say "running" were cut off: this process holds the folder's run lock. What they left half
        written, and nothing refers to, is cleared away first.
        """
        with self._ledger.read() as connection:
            open_runs = [run for run in runs.unfinished_runs(connection, project) if run.status == "running"]
        if open_runs:
            self._workspace.lake.repair()
            self._workspace.artifacts.sweep()
        for run in open_runs:
            reason = f"its process ended early; resumed by {self.id}"
            with self._ledger.record(
                event="run.interrupted", subject=run.id, actor=self._workspace.actor, reason=reason
            ) as tx:
                runs.finish_run(tx, run.id, "failed", tx.now, reason)


def _pins(workspace: Workspace) -> dict[str, Any]:
    training = workspace.settings.training
    pins: dict[str, Any] = {
        "seed": training.seed,
        "threads": training.threads,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **_code(workspace),
    }
    for name in ("uv.lock", "requirements.lock", "requirements.txt", "pylock.toml"):
        if (workspace.folder / name).is_file():
            pins["dependency_lock"] = {name: digest_of_file(workspace.folder / name)}
            break
    return pins


def _code(workspace: Workspace) -> dict[str, Any]:
    """The commit, and what differs from it, as an artefact: without it, the run goes on."""
    state = git_state(workspace.folder)
    if state is None:
        return {}
    pins: dict[str, Any] = {"git_commit": state.commit}
    if state.dirty:
        pins["git_dirty"] = True
        if state.diff is not None:
            try:
                pins["git_diff"] = workspace.artifacts.put(state.diff)
            except StoreError as error:
                warnings.warn(f"what differs from the commit is not kept: {error}", KreisWarning, stacklevel=2)
    return pins
