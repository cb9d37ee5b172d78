"""All that is to be read about a judged candidate: the evaluation report, as data."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.examine import judged_run
from kreis.actions.model_names import model_named
from kreis.actions.statements import AskedFor, asked_for
from kreis.errors import ProjectError
from kreis.evaluation.statements import MODEL
from kreis.governance.views.candidate import CandidateView, candidate_of
from kreis.governance.views.gates import GateExplained, Overruled, explained, overruled_in
from kreis.ledger import documents, models, runs, steps
from kreis.ledger.records import Approval, Model, Run, Step
from kreis.ways.results import EXAMINATION, AskedLater, Judged
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ReportView", "SourceRead", "StepRead", "report_steps", "report_view"]

_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]+")


class StepRead(msgspec.Struct, frozen=True, kw_only=True):
    """A step that the report rests on."""

    key: str
    discipline: str
    name: str
    finished_at: datetime


class SourceRead(msgspec.Struct, frozen=True, kw_only=True):
    """A source as the run collected it."""

    name: str
    table: str
    version: int
    rows: int
    quarantined: int
    step: str


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation report."""

    project: str
    run: str
    as_of: datetime
    goal: dict[str, Any]
    outcome: str
    judged_on: str
    candidate: CandidateView
    model: Model | None
    """The registered model that it is; None where it was never registered."""
    gates: list[GateExplained]
    overruled: list[Overruled]
    approvals: list[Approval]
    sources: list[SourceRead]
    statements: list[AskedFor]
    """What people are asked for about the model."""
    evaluation: str
    """Key of the step that judged it."""
    training: str
    """Key of the step that trained it."""
    steps: list[StepRead]


def report_view(workspace: Workspace, name: str = "") -> ReportView:
    """The evaluation report of a model, or of what a run judged.

    Args:
        workspace: Where.
        name: A model's version or digest, or a run's identifier; the last run that judged any if it is empty.

    Raises:
        ProjectError: no such model or run, or it was not judged.
    """
    said, about_model = asked_for(workspace), {each.key for each in MODEL}
    with workspace.ledger.read() as connection:
        model, run, step = _named(connection, workspace, name)
        judged = Judged.from_document(step.outputs)
        used = [each for _, each in steps.steps_of(connection, run.id)]
        trained = next(each for each in used if (each.discipline, each.name) == ("training", judged.candidate))
        later = [
            each
            for each in steps.steps_beginning(connection, "evaluation", EXAMINATION)
            if each.inputs.get("evaluation") == step.key
            and AskedLater.from_document(each.outputs).candidate == judged.candidate
        ]
        collected = [each for each in used if each.discipline == "collection"]
        goal = documents.get_document(connection, run.goal)
        model = model or _registered(connection, run, step, judged)
        approvals = [] if model is None else models.approvals_of(connection, model.digest)
        read = {each.key: each for each in (step, trained, *later, *collected)}
        return ReportView(
            project=run.project,
            run=run.id,
            as_of=run.as_of,
            goal=msgspec.json.decode(goal.body),
            outcome=judged.report.outcome,
            judged_on=judged.report.judged_on,
            candidate=candidate_of(connection, run, trained, step),
            model=model,
            gates=[explained(each, judged.report) for each in judged.report.gates],
            overruled=list(overruled_in(connection, run)),
            approvals=approvals,
            sources=[_source(each) for each in {each.name: each for each in collected}.values()],
            statements=[each for each in said if each.key in about_model],
            evaluation=step.key,
            training=trained.key,
            steps=msgspec.convert(list(read.values()), list[StepRead], from_attributes=True),
        )


def report_steps(workspace: Workspace, view: ReportView) -> dict[str, Step]:
    """The steps that a report rests on, by key, as the record holds them."""
    with workspace.ledger.read() as connection:
        return steps.find_steps(connection, [each.key for each in view.steps])


def _named(connection: Connection, workspace: Workspace, name: str) -> tuple[Model | None, Run, Step]:
    """The model, if one was named, its run, and the step that judged it."""
    if not name or _RUN.fullmatch(name):
        return None, *judged_run(workspace, name)
    last = runs.list_runs(connection, limit=1)
    model = model_named(connection, name, last[0].project if last else None)
    evaluation = models.latest_evaluation(connection, model.digest)
    step = None if evaluation is None else steps.find_step(connection, evaluation.metrics.get("step", ""))
    if evaluation is None or step is None:
        said = f"version {model.version} ({model.candidate}) was never judged by itself"
        raise ProjectError(said, where=str(workspace.folder), hint="baselines are compared with, not judged")
    return model, runs.get_run(connection, evaluation.run), step


def _registered(connection: Connection, run: Run, step: Step, judged: Judged) -> Model | None:
    """The model that a judged candidate became."""
    for model in models.list_models(connection, run.project):
        found = models.evaluations_of(connection, model.digest) if model.candidate == judged.candidate else []
        if any(each.metrics.get("step") == step.key for each in found):
            return model
    return None


def _source(step: Step) -> SourceRead:
    return msgspec.convert({**step.outputs, "name": step.name, "step": step.key}, SourceRead)
