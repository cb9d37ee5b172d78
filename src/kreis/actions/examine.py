"""Examinations for which a person asks after a run: of the model as it was judged, on the very rows that judged it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examination, Examined, Subject
from kreis.evaluation.examinations.kinds import EXAMINATIONS, examine, parameters
from kreis.evaluation.looks import Look
from kreis.identifiers import new_id
from kreis.ledger import runs, steps
from kreis.ledger.records import Run, Step
from kreis.loop.steps import Memory, short_digest
from kreis.loop.taking_over import restored
from kreis.project import Project
from kreis.tracking.tracker import Tracker
from kreis.ways.choice import examining, way_of
from kreis.ways.results import EXAMINATION, AskedLater, Judged
from kreis.workspace import Workspace

__all__ = ["CandidateExamined", "examinations_of", "examine_candidate", "judged_run"]


@dataclass(frozen=True, kw_only=True)
class CandidateExamined:
    """What came of questions about a candidate."""

    run: str
    candidate: str
    found: list[Examined]
    """In the order in which they were asked."""


def examinations_of(project: Project) -> Mapping[str, Examination]:
    """All that can be asked of a project's candidates, by name, as the project declares them."""
    return {**EXAMINATIONS, **{each.name: each for each in project.examinations}}


def judged_run(workspace: Workspace, name: str = "") -> tuple[Run, Step]:
    """A run that judged a candidate, and the step that did.

    Args:
        workspace: Where.
        name: The run's identifier, or the beginning of it; the last one that judged any if it is empty.

    Raises:
        ProjectError: no such run, or it judged none.
    """
    with workspace.ledger.read() as connection:
        known = [runs.get_run(connection, name)] if name else runs.list_runs(connection)
        for run in known:
            used = [step for _, step in steps.steps_of(connection, run.id) if step.discipline == "evaluation"]
            if used:
                return run, used[-1]
    said = f"run {known[0].id} judged no candidate" if name else "no candidate has been judged yet"
    raise ProjectError(said, where=str(workspace.folder), hint="kreis run --until evaluation")


def examine_candidate(
    workspace: Workspace,
    names: Sequence[str],
    *,
    candidate: str = "",
    run: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> CandidateExamined:
    """Ask some questions of a candidate that was judged. What is found is a remembered step on record.

    Args:
        workspace: The project's folder.
        names: Of the examinations.
        candidate: Its name; the one that the run chose if it is empty.
        run: The run's identifier, or the beginning of it; the last one that judged any if it is empty.
        say: Told what is being done.

    Raises:
        ProjectError: no such examination, candidate or run; or the project is another than when it was judged.
    """
    project = workspace.load_project()
    known = examinations_of(project)
    for name in names:
        if name not in known:
            raise ProjectError.unknown_name("examination", name, known, where="kreis examine")
    walked, step = judged_run(workspace, run)
    judged = Judged.from_document(step.outputs)
    asked = candidate or judged.candidate
    if judged.report_of(asked) is None:
        raise ProjectError.unknown_name(
            "candidate", asked, [judged.candidate, *judged.others], where=f"run {walked.id}"
        )
    as_declared = short_digest(parameters(project.examinations))
    alike = step.basis is not None and step.basis.parameters.get("examinations") == as_declared
    in_run = judged.report.examined if alike and asked == judged.candidate else []
    answered = {each.examination: each for each in in_run}
    later = _Later(workspace, project, walked, step, judged, asked, say)
    found = [answered[name] if name in answered else later.ask(known[name]) for name in dict.fromkeys(names)]
    return CandidateExamined(run=walked.id, candidate=asked, found=found)


_NO_THREAD = 0
"""The owner of a tracker that writes at once: few files are kept by an examination, and none gathers."""


class _Later:
    """Asks; the rows are read once, and only where something is not remembered."""

    def __init__(
        self,
        workspace: Workspace,
        project: Project,
        run: Run,
        step: Step,
        judged: Judged,
        candidate: str,
        say: Callable[[str], None],
    ) -> None:
        self._workspace, self._project, self._run, self._step = workspace, project, run, step
        self._judged, self._candidate = judged, candidate
        self._look = judged.report.look or Look(rows=judged.report.rows)
        self._subject: Subject | None = None
        way = way_of(project)
        kept = f"asked-{new_id(workspace.clock.now())}"
        tracker = Tracker(workspace.tracking_folder, run.id, workspace.artifacts, owner=_NO_THREAD, name=kept)
        self._memory = Memory(workspace.ledger, actor=workspace.actor, libraries=way.libraries, tracker=tracker)
        self._memory.on_working = say

    def ask(self, examination: Examination) -> Examined:
        """What an examination finds, or has found."""

        def compute(key: str) -> AskedLater:
            tell = self._memory.progress(self._candidate)
            (found,) = examine([examination], self.subject, tell)
            return AskedLater(evaluation=self._step.key, candidate=self._candidate, examined=found)

        how: dict[str, Any] = parameters([examination])
        paid = {"level": self._look.level} if self._look.paid else {}
        asked = self._memory.step(
            "evaluation",
            f"{EXAMINATION}{examination.name}",
            parameters={"examination": how, "candidate": self._candidate, **paid},
            inputs={"evaluation": self._step.key},
            result=AskedLater,
            compute=compute,
        )
        return asked.output.examined

    @property
    def subject(self) -> Subject:
        """The candidate on the rows that judged it.

        Raises:
            ProjectError: the project is another by now, so that it would be examined on other rows.
        """
        if self._subject is None:
            where, hint = f"run {self._run.id}", "kreis run judges it anew; then ask again"
            if self._run.goal != self._project.goal.digest:
                raise ProjectError("the goal has changed since the candidate was judged", where=where, hint=hint)
            state = restored(way_of(self._project), self._workspace, before="evaluation", run=self._run.id)
            state.context.memory.on_working = self._memory.on_working
            subject = examining(self._project)(state, self._candidate)
            if subject.features is not None and not self._is_as_judged(subject):  # answers may come out otherwise
                raise ProjectError("the rows that judge have changed since then", where=where, hint=hint)
            self._subject = replace(subject, looks=self._look.number, level=self._look.level)
        return self._subject

    def _is_as_judged(self, subject: Subject) -> bool:
        """Whether it is worth on these rows what it was when it was judged."""
        report = self._judged.report_of(self._candidate)
        then = math.nan if report is None else report.value.value
        now = subject.task.metrics[0].value(subject.rows)
        return now == then or (math.isnan(now) and math.isnan(then))
