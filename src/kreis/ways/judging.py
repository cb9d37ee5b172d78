"""Judging: the chosen candidate against baselines and champion, at the level that the year's error rate leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from kreis.deployment.packages import Package
from kreis.deployment.releases import champion_of
from kreis.digests import digest_of_document
from kreis.disciplines import Discipline
from kreis.evaluation.evaluate import EvaluationReport
from kreis.evaluation.examinations.examination import Subject
from kreis.evaluation.examinations.gate import judge_gate
from kreis.evaluation.examinations.kinds import examine, parameters
from kreis.evaluation.looks import JudgedRows, Look, look_at
from kreis.evaluation.spending import Spending, spend
from kreis.ledger import models, releases, runs, steps
from kreis.ledger.records import Route
from kreis.loop.steps import NOTE, StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.texts import amount, counted
from kreis.training.train import TrainedCandidate
from kreis.ways.people import asked_by_machine, panel_of, waits_for_people, with_people
from kreis.ways.results import Judged, LookTaken, Spent
from kreis.ways.state import WayState

__all__ = ["Judging", "Looked", "judge"]

_SPENT = "error spent"
_LOOKS = "looks at the test rows of"
_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What a way knows of its judgement."""

    parameters: dict[str, Any]
    """All that it rests on beside candidates and rows."""
    inputs: dict[str, Any]
    """Versions of the rows that may be read."""
    holds_out: bool
    """Whether the rows that judge are none that a version in service has learned from."""
    days_tested: float
    """How many days of saved error rate it may spend at most."""
    decides_alike: Callable[[Package, TrainedCandidate], bool]
    """Whether a candidate decides as a package does."""
    refreshes: Callable[[Package, TrainedCandidate], bool]
    """Whether a candidate is what a package is, with newer data: then there is nothing to be better at."""
    tested: Callable[[str], JudgedRows]
    """The rows that judge a candidate."""
    lasting: Callable[[TrainedCandidate], Any]
    """What stays of a candidate when only its data are newer: with it, it is the same model, and another look at the
    same rows is none. None where newer data make another model."""
    look: Callable[[str, Package | None, Spending | None, Look], Looked]
    """What is to be said of each candidate; takes the chosen one, the champion, the level of their comparison, and
    which look at the rows it is."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What came of the rows that judge."""

    reports: dict[str, EvaluationReport]
    """By candidate."""
    subject: Subject
    """The chosen one, for what else is asked of it."""
    notes: list[str] = field(default_factory=list)
    """What a person should know of how it was found."""
    answers: str = ""
    """Artifact of what the chosen one answered to questions."""


def judge(state: WayState, judging: Judging) -> Verdict:
    """Judge the candidate that did best on the validation part. The test rows choose nothing."""
    choice = state.choice
    challenger = choice.candidate
    step = with_people(state, _evaluate(state, judging, challenger))
    state.evaluation = step
    report = step.output.report
    headlines = list(state.project.goal.task.headlines)
    detail = {"candidate": challenger, "outcome": report.outcome, "headlines": headlines}
    detail |= {"choice": choice.said} if choice.said else {}
    serious = [said for each in report.examined for said in each.serious]
    paid = [] if report.look is None or not report.look.paid else [report.look.paid]
    noticed = [*step.output.notes, *paid, *serious]
    detail |= {"warnings": noticed} if noticed else {}
    if report.outcome != "pass":
        if (waits := waits_for_people(state, step.output)) is not None:
            return waits
        to: Discipline = "training" if report.outcome == "fail" else "collection"
        return SendBack(to=to, reason="; ".join(report.refusals), detail=detail)
    value, task = report.value, state.project.goal.task
    headline = ", ".join(each.format(report.challenger.metrics[name].value) for name, each in task.headlines.items())
    told = task.doubts(report.challenger.metrics, challenger)
    rarer = "" if report.rarer is None else f", {report.rarer:,} {report.rarer_are}"
    return Advance(
        summary=f"{challenger}: {amount(value.value)} {report.unit} ({amount(value.low)} to {amount(value.high)}),"
        f" {headline}, {counted(len(report.gates), 'gate')} passed on"
        f" {report.judged_on}{rarer}{'; ' + choice.said if choice.said else ''}",
        detail={
            **detail,
            "warnings": [*told, *_not_compared(state, judging), *noticed],
        },
    )


def _not_compared(state: WayState, judging: Judging) -> list[str]:
    if judging.holds_out or not _live(state):
        return []
    canary = len(state.project.release_declaration.canary.steps) > 1
    how = "only its canary compares the two" if canary else "and no canary is declared: nothing compares the two"
    return [f"the version in service has learned from the rows that judge here; {how}"]


def _live(state: WayState) -> list[Route]:
    with state.workspace.ledger.read() as connection:
        current = releases.current_release(connection, state.project.name)
    return [] if current is None else [route for route in current.routes if route.mode == "live"]


def _same_model(state: WayState, judging: Judging, candidate: str) -> str | None:
    """Digest of the live model that decides by the very same bytes as a candidate, if one does."""
    trained = state.candidates[candidate].output.opened(state.workspace.artifacts)
    live = (route.model for route in _live(state))
    opened = state.workspace.open_model
    return next((digest for digest in live if judging.decides_alike(opened(digest), trained)), None)


def _refreshes(state: WayState, judging: Judging, candidate: str, champion: str) -> bool:
    trained = state.candidates[candidate].output.opened(state.workspace.artifacts)
    return judging.refreshes(state.workspace.open_model(champion), trained)


def _judged_when_released(state: WayState, digest: str) -> tuple[str | None, Spending | None]:
    """Which model a live one had to beat to get there, and at which level."""
    with state.workspace.ledger.read() as connection:
        last = models.latest_evaluation(connection, digest)
        step = None if last is None else steps.find_step(connection, last.metrics.get("step", ""))
    judged = None if step is None else Judged.from_document(step.outputs)
    if judged is None or judged.champion is None:
        return None, None
    difference = judged.report.differences["champion"]
    return judged.champion, Spending(days=0.0, level=difference.level, why="as when it was released")


def _evaluate(state: WayState, judging: Judging, challenger: str) -> StepResult[Judged]:
    """Judge it against the champion or, where it is live itself already, against the one that it had to beat to get
    there, at the same level: a run that is repeated or resumed after its release concludes the same.
    """
    project = state.project
    judged_by = judging.parameters
    inputs: dict[str, Any] = {
        name: digest_of_document({key: value for key, value in step.document.items() if key != "training"})
        for name, step in state.candidates.items()
    } | judging.inputs
    same = _same_model(state, judging, challenger)
    if same is not None:
        against, spending = _judged_when_released(state, same)
        comparison = [challenger, against, judged_by, inputs]
        if against is not None and _is_spent(state, comparison):  # by the run that this one resumes
            spending = _spend(state, judging, comparison)
    else:
        with state.workspace.ledger.read() as connection:
            current = releases.current_release(connection, project.name)
        against = None if current is None or not judging.holds_out else champion_of(current)
        against = None if against is None or _refreshes(state, judging, challenger, against) else against
        spending = None if against is None else _spend(state, judging, [challenger, against, judged_by, inputs])
    champion = None if against is None else state.workspace.open_model(against)

    def compute(key: str) -> Judged:
        look = _look(state, judging, challenger, inputs[challenger])
        looked = judging.look(challenger, champion, spending, look)
        report = msgspec.structs.replace(looked.reports.pop(challenger), choice=state.choice.said)
        report = _examined(state, report, replace(looked.subject, looks=look.number, level=look.level))
        return Judged(
            candidate=challenger, champion=against, report=report, others=looked.reports, notes=looked.notes,
            answers="" if panel_of(state) is None else looked.answers,
        )  # fmt: skip

    asked, gates = asked_by_machine(state)
    return state.memory.step(
        "evaluation",
        challenger,
        parameters={
            **judged_by,
            "champion": against,
            "level": None if spending is None else spending.level,
            "examinations": parameters(asked),
            "gates": [msgspec.to_builtins(each) for each in gates],
            **({} if panel_of(state) is None else {"people": True}),
        },
        inputs=inputs,
        result=Judged,
        compute=compute,
    )


def _look(state: WayState, judging: Judging, challenger: str, model: str) -> Look:
    """Which look it is at the rows that judge, from what is on record; the same for the same model on the same rows."""
    name = f"{_LOOKS} {state.project.name}"
    lasting = judging.lasting(state.candidates[challenger].output.candidate)
    model = model if lasting is None else digest_of_document(lasting)
    rows, notes = judging.tested(challenger), state.memory.notes(name, name)
    what = {"model": model, "rows": rows.digest}
    if (known := notes.recall(what)) is not None:
        return LookTaken.from_document(known).look
    with state.workspace.ledger.read() as connection:
        noted = [LookTaken.from_document(each.outputs) for each in steps.steps_called(connection, NOTE, name)]
    look = look_at(rows, {each.model: each.rows for each in noted if each.model != model}.values())
    notes.keep(what, LookTaken(model=model, rows=rows, look=look).to_document())
    return look


def _examined(state: WayState, report: EvaluationReport, subject: Subject) -> EvaluationReport:
    """With what else is asked of the chosen candidate, and the gates over that."""
    asked, over = asked_by_machine(state)
    found = examine(asked, subject, state.memory.progress(subject.name))
    ahead: dict[str, Any] = {"blocks_are": report.blocks_are, "level": subject.level, "coming": subject.rows.coming}
    measured_by = {measure: each.name for each in asked for measure in each.measures}
    gates = [judge_gate(each, found, asks=measured_by.get(each.measure, ""), **ahead) for each in over]
    return msgspec.structs.replace(report, examined=found, gates=[*report.gates, *gates])


def _spend(state: WayState, judging: Judging, comparison: list[Any]) -> Spending:
    """The level of a comparison with the champion, from what passed and was spent on record; repeated, it is the same.

    The time that counts is that of the runs: from the one whose model was released first to this one.
    """
    project, identity = state.project, digest_of_document(comparison)

    def compute(key: str) -> Spent:
        with state.workspace.ledger.read() as connection:
            first = releases.list_releases(connection, project.name)[-1]
            since = first.at if first.run is None else runs.get_run(connection, first.run).as_of
            earlier = {each.comparison: each for each in _spent(connection, project.name)}
        if identity in earlier:
            return earlier[identity]
        passed = (state.as_of - since).total_seconds() / _DAY
        spending = spend(
            passed - sum(each.days for each in earlier.values()),
            yearly=project.goal.replaced_in_vain,
            at_most=judging.days_tested,
        )
        if not spending.days and (fixed := state.workspace.settings.clock.as_of):
            why = f"kreis.toml fixes as_of = {fixed!r}, so no new days pass and no later comparison can pass: remove it"
            spending = spending._replace(why=f"{why}, or set a later day")
        return Spent(project=project.name, comparison=identity, **spending._asdict())

    inputs = {"comparison": identity}
    step = state.memory.step("deployment", _SPENT, parameters={}, inputs=inputs, result=Spent, compute=compute)
    return step.output.spending


def _is_spent(state: WayState, comparison: list[Any]) -> bool:
    identity = digest_of_document(comparison)
    with state.workspace.ledger.read() as connection:
        return any(each.comparison == identity for each in _spent(connection, state.project.name))


def _spent(connection: Any, project: str) -> list[Spent]:
    found = [Spent.from_document(each.outputs) for each in steps.steps_called(connection, "deployment", _SPENT)]
    return [each for each in found if each.project == project]
