"""The machine: walks a way through the circle, moved by verdicts.

Work that is sent back is done again, from the discipline that the verdict names, in another round of the same run.
Before the sender is performed again, what the disciplines before it left is compared with the round before: where
nothing has changed, nothing else would come of it, and the run ends.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from kreis.disciplines import DISCIPLINES, Discipline
from kreis.durations import parse_duration
from kreis.errors import KreisError, ProjectError
from kreis.loop.observer import Observer, Silent
from kreis.loop.path import check_moment, discipline_named, path_of, recomputed
from kreis.loop.record import RunRecord
from kreis.loop.steps import Memory, StepOutput, StepResult, result_of
from kreis.loop.taking_over import takeable, takes_over
from kreis.loop.transitions import WHAT_WOULD, Ending, next_of
from kreis.loop.verdicts import Fail, SendBack, Verdict, in_words, reason_of
from kreis.loop.way import RunContext, Way
from kreis.tracking.tracker import Tracker
from kreis.workspace import Workspace, set_passive_openmp_wait

__all__ = ["Conclusion", "RunResult", "walk"]

State = TypeVar("State")
_Left: TypeAlias = tuple[frozenset[str], str]
"""The keys of a discipline's steps, and its verdict in words."""


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What a discipline concluded in a round."""

    round: int
    discipline: Discipline
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class RunResult(Generic[State]):
    """How a run ended."""

    run: str
    as_of: datetime
    status: Ending
    reason: str
    """Why it ended so."""
    conclusions: list[Conclusion]
    """In the order in which they fell."""
    steps: list[StepResult[StepOutput]] = field(repr=False)
    """Each once."""
    state: State = field(repr=False)
    """What its disciplines left."""

    @property
    def computed(self) -> int:
        """Steps computed by this run; the others were remembered."""
        return sum(not step.remembered for step in self.steps)

    @property
    def verdicts(self) -> dict[Discipline, Verdict]:
        """The last verdict of each discipline, in the order of the circle."""
        last = {each.discipline: each.verdict for each in self.conclusions}
        return {each: last[each] for each in DISCIPLINES if each in last}

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
    start_at: str = "",
    trigger: str = "manual",
    observer: Observer | None = None,
) -> RunResult[State]:
    """Walk a way through the circle as of a moment: nothing known later is used.

    Args:
        way: What is done in each discipline.
        workspace: Where.
        as_of: The moment.
        until: The last discipline to walk.
        start_at: The discipline to start at, whose steps and all that follow are recomputed. What those before it left
            is taken over from the last run as of the same moment; where there is none, they are walked. The first if
            not given.
        trigger: "manual", or the id of the alert that sent the work back.
        observer: Is told what happens.

    Returns:
        How it ended; failures of data and gates are verdicts, not exceptions.

    Raises:
        ProjectError: the declaration is wrong, the moment is in the future, or a verdict leads nowhere.
        StoreError: a store failed, or another run is at work in this folder.
    """
    path, first = path_of(way, until, start_at)
    check_moment(workspace, as_of)
    set_passive_openmp_wait()
    with workspace.only_run():
        return _Walk(way, workspace, as_of, trigger, Silent() if observer is None else observer, first).through(path)


class _Walk(Generic[State]):
    """The state of one run of the machine."""

    def __init__(
        self,
        way: Way[State],
        workspace: Workspace,
        as_of: datetime,
        trigger: str,
        observer: Observer,
        first: Discipline | None,
    ) -> None:
        self._way, self._workspace, self._observer, self._first = way, workspace, observer, first
        self._started = time.monotonic()
        self._within = _within(workspace)
        self._record = RunRecord(workspace, way.project, way.goal, as_of, trigger)
        self._tracker = Tracker(workspace.tracking_folder, self._record.id, workspace.artifacts)
        memory = Memory(
            workspace.ledger,
            run=self._record.id,
            actor=workspace.actor,
            libraries=way.libraries,
            recompute=recomputed(first),
            tracker=self._tracker,
        )
        memory.on_working = observer.working
        memory.on_done = self._done
        self._context = RunContext(workspace=workspace, as_of=as_of, run=self._record.id, memory=memory)
        self._state = way.begin(self._context)
        self._steps: dict[str, StepResult[StepOutput]] = {}
        self._conclusions: list[Conclusion] = []
        self._keys: list[str] = []
        self._left: dict[Discipline, _Left] = {}
        """What each discipline left last."""
        self._before: dict[Discipline, _Left | None] = {}
        """The same of the round before, from where the work was sent back to the sender."""
        self._sender: Discipline | None = None

    def through(self, path: Sequence[Discipline]) -> RunResult[State]:
        """Walk a path."""
        discipline = path[0]
        try:
            discipline = self._take_over(path)
            while True:
                if discipline == self._sender and (stop := self._unchanged()):
                    return self._stop(stop)
                verdict, found = self._perform(discipline, path)
                if isinstance(verdict, SendBack) and (stop := self._send_back(discipline, verdict, path)):
                    return self._stop(stop)
                match found:
                    case "advanced" | "held" | "sent_back" | "failed":
                        return self._end(found, f"{discipline}: {reason_of(verdict)}")
                discipline = found
        except KeyboardInterrupt:
            self._record.finish("failed", f"{discipline}: interrupted")
            raise
        finally:
            self._tracker.close()

    def _take_over(self, path: Sequence[Discipline]) -> Discipline:
        """Where it starts: at the first discipline, or behind those whose results it could take over."""
        if self._first is None or not takes_over(self._way, self._first):
            return path[0]
        found, why = takeable(self._way, self._workspace, self._first, self._context.as_of)
        if why:
            self._observer.note(why)
        if found is None:
            return path[0]
        self._state = self._way.restore(self._context, self._first, found.steps)
        self._record.take_over(self._context.memory, found)
        self._steps = {step.key: result_of(step, StepOutput) for step in found.steps}
        for each in found.verdicts:
            keys = frozenset(step.key for step in found.steps if step.discipline == each.discipline)
            self._left[discipline_named(self._way, each.discipline)] = (keys, each.reason)
        self._observer.note(f"what comes before {self._first} is taken over from run {found.run.id}")
        return self._first

    def _perform(self, discipline: Discipline, path: Sequence[Discipline]) -> tuple[Verdict, Discipline | Ending]:
        self._observer.begin(discipline)
        self._keys = []
        try:
            verdict = self._way.performs[discipline](self._state)
            found = next_of(discipline, verdict, path)
        except KreisError as error:
            self._record.conclude(self._context.memory, discipline, Fail(reason=str(error)), self._context.round)
            self._record.finish("failed", str(error))
            raise
        self._record.conclude(self._context.memory, discipline, verdict, self._context.round)
        self._conclusions.append(Conclusion(round=self._context.round, discipline=discipline, verdict=verdict))
        self._left[discipline] = (frozenset(self._keys), in_words(verdict))
        self._observer.conclude(discipline, verdict)
        return verdict, found

    def _send_back(self, sender: Discipline, verdict: SendBack, path: Sequence[Discipline]) -> str | None:
        """Begin another round; why not, if not."""
        left = {each: self._left.get(each) for each in path[path.index(verdict.to) : path.index(sender) + 1]}
        same = sender == self._sender and left == self._before
        self._sender, self._before, self._context.sent_back = sender, left, verdict
        if same:
            return self._nothing_changed(verdict)
        number, bounds = self._context.round, self._workspace.settings.loop
        if number >= bounds.rounds:
            return f"stopped after round {number}, the last ([loop] rounds = {bounds.rounds})"
        if time.monotonic() - self._started > self._within:
            return f'stopped after round {number}, its time is over ([loop] within = "{bounds.within}")'
        self._context.round += 1
        self._observer.go_back(self._context.round, verdict)
        return None

    def _unchanged(self) -> str | None:
        """Why the sender need not be performed again: what was done since left what was there before."""
        verdict, sender = self._context.sent_back, self._sender
        if verdict is None or verdict.to == sender:
            return None  # it can only be seen when it has been done
        if all(self._left.get(each) == left for each, left in self._before.items() if each != sender):
            return self._nothing_changed(verdict)
        return None

    def _nothing_changed(self, verdict: SendBack) -> str:
        return (
            f"stopped in round {self._context.round}: nothing has changed since {self._sender} sent the work back to"
            f" {verdict.to}; what would: {WHAT_WOULD[verdict.to]}"
        )

    def _stop(self, why: str) -> RunResult[State]:
        """End where another round was asked for."""
        self._observer.note(why)
        verdict = self._context.sent_back
        return self._end("sent_back", f"{self._sender}: {verdict.reason if verdict else ''}; {why}")

    def _end(self, status: Ending, reason: str) -> RunResult[State]:
        self._record.finish(status, reason)
        return RunResult(
            run=self._record.id,
            as_of=self._context.as_of,
            status=status,
            reason=reason,
            conclusions=self._conclusions,
            steps=list(self._steps.values()),
            state=self._state,
        )

    def _done(self, step: StepResult[StepOutput]) -> None:
        self._keys.append(step.key)
        self._steps.setdefault(step.key, step)
        self._observer.done(step)


def _within(workspace: Workspace) -> float:
    try:
        return parse_duration(workspace.settings.loop.within).total_seconds()
    except ValueError as error:
        raise ProjectError(str(error), where="kreis.toml, [loop] within") from error
