"""Every candidate of every run, passed or not: how it was trained, judged and compared."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.model_names import model_named
from kreis.errors import ProjectError
from kreis.evaluation.looks import Look
from kreis.governance.views.examined import EstimateView, ExaminedView, examined_later, examined_views
from kreis.ledger import models, runs, steps
from kreis.ledger.records import Model, Run, Step
from kreis.training.importance import Importance
from kreis.ways.results import Judged, Trained
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "CandidateView",
    "GateView",
    "JudgedView",
    "SliceView",
    "candidate_of",
    "candidate_view",
    "candidates_of",
    "last_candidates",
]


_IDENTIFIER = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")


class GateView(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate concluded."""

    name: str
    outcome: str
    says: str
    detectable: float | None = None
    """How far from its bound the truth must lie for the rows to show it with a chance of 80%; None: too few rows."""


class SliceView(msgspec.Struct, frozen=True, kw_only=True):
    """One group's metrics."""

    column: str
    group: str
    n: int
    metrics: dict[str, EstimateView]
    too_few: list[str] = []
    missing: dict[str, str] = {}
    """What metrics with too few rows lack, and by when there will be enough."""


class JudgedView(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluation says of a candidate."""

    outcome: str
    """Of all gates: "pass", "fail" or "undecided"."""
    unit: str
    """Of the business metric."""
    level: float
    rows: int
    days: int
    blocks_are: str = "days"
    """What intervals rest on: "days", "groups", or the "rows" themselves."""
    folds: int = 0
    """Of a cross-validation."""
    rarer: int | None = None
    """Rows of the rarer outcome."""
    rarer_are: str = "with the rarer outcome"
    """What these are, in words."""
    differences: dict[str, EstimateView]
    """The business metric less that of each baseline, and of "champion"."""
    detectable: dict[str, float | None]
    """The smallest of these differences that the rows would have shown with a chance of 80%; None: none."""
    look: Look | None = None
    """Which look at these rows it is, and at which level gates decide for that; None where nobody counted."""
    slices: list[SliceView]
    reliability: list[dict[str, float | None]]
    """By bin of the scores: rows, mean score, frequency."""
    metrics: dict[str, EstimateView]
    gates: list[GateView]
    examined: list[ExaminedView] = []
    """What else it was asked, in the run and after it."""


class CandidateView(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate of a run, or the one that a model was."""

    run: str
    as_of: datetime
    """The run's."""
    name: str
    version: int | None = None
    """The model's, where it was asked for as a model."""
    chosen: bool
    baseline: bool = False
    """Whether it is one of those that the chosen one had to beat."""
    kind: str
    features: list[str]
    decides: str
    """How a score becomes a decision, in words."""
    training: dict[str, Any]
    """What it learned from, with which parameters."""
    validation: dict[str, Any]
    importance: list[Importance]
    evaluation: JudgedView | None
    """None where the run did not get as far, or judged only the chosen one (earlier versions)."""


def candidates_of(connection: Connection, run: Run) -> list[CandidateView]:
    """The candidates that a run trained or remembered, in order, each with what evaluation says of it; of several
    rounds as they were in the last.
    """
    used = [step for _, step in steps.steps_of(connection, run.id)]
    judged = [step for step in used if step.discipline == "evaluation"]
    last = judged[-1] if judged else None
    trained = {step.name: step for step in used if step.discipline == "training"}
    return [candidate_of(connection, run, step, last) for step in trained.values()]


def candidate_view(workspace: Workspace, name: str) -> CandidateView:
    """One candidate.

    Args:
        workspace: Where.
        name: A candidate of the last run that has one of this name; "RUN/NAME" of another run; a model's version or
            digest; or a run, whose chosen one is meant. That of the last run that trained any if it is empty.

    Raises:
        ProjectError: there is none; the hint names those that there are.
    """
    if not name:
        return _chosen(last_candidates(workspace))
    run, _, candidate = name.rpartition("/")
    with workspace.ledger.read() as connection:
        known = [runs.get_run(connection, run)] if run else runs.list_runs(connection)
        names: dict[str, None] = {}
        for each in known:
            for view in candidates_of(connection, each):
                if view.name == candidate:
                    return view
                names[view.name] = None
        if not run and (model := _model(connection, name, known)) is not None:
            return _of_model(connection, model)
        if not run and (found := _of_run(connection, name)):
            return _chosen(found)
    if not names:
        raise ProjectError("nothing has been trained yet", where=str(workspace.folder), hint="kreis run")
    raise ProjectError.unknown_name("candidate", candidate, names, where=str(workspace.folder))


def last_candidates(workspace: Workspace) -> list[CandidateView]:
    """All of the last run that trained any.

    Raises:
        ProjectError: nothing has been trained yet.
    """
    with workspace.ledger.read() as connection:
        for run in runs.list_runs(connection):
            if found := candidates_of(connection, run):
                return found
    raise ProjectError("nothing has been trained yet", where=str(workspace.folder), hint="kreis run")


def _chosen(found: list[CandidateView]) -> CandidateView:
    return next((each for each in found if each.chosen), found[0])


def _of_run(connection: Connection, name: str) -> list[CandidateView]:
    """The candidates of the run of this identifier, or whose identifier begins so; none where there is none."""
    if not _IDENTIFIER.fullmatch(name):
        return []
    try:
        return candidates_of(connection, runs.get_run(connection, name))
    except ProjectError:
        return []


def _model(connection: Connection, name: str, known: list[Run]) -> Model | None:
    try:
        return model_named(connection, name, known[0].project if known else None)
    except ProjectError:
        return None


def _of_model(connection: Connection, model: Model) -> CandidateView:
    """The candidate that a model was: of its own run, and as it was judged when it was let into service."""
    run = runs.get_run(connection, model.run)
    found = next(each for each in candidates_of(connection, run) if each.name == model.candidate)
    evaluation = models.latest_evaluation(connection, model.digest)
    step = None if evaluation is None else steps.find_step(connection, evaluation.metrics.get("step", ""))
    judged = found.evaluation if step is None else _judged(connection, model.candidate, step)
    return msgspec.structs.replace(found, version=model.version, evaluation=judged)


def candidate_of(connection: Connection, run: Run, step: Step, judging: Step | None) -> CandidateView:
    """A candidate of a run.

    Args:
        connection: To the ledger.
        run: Whose.
        step: That trained it.
        judging: That judged the run's candidates, if one did.
    """
    trained = Trained.from_document(step.outputs).candidate
    judged = None if judging is None else Judged.from_document(judging.outputs)
    return CandidateView(
        run=run.id,
        as_of=run.as_of,
        name=step.name,
        chosen=judged is not None and judged.candidate == step.name,
        baseline=judged is not None and step.name in judged.report.differences,
        kind=str(trained.form.__struct_config__.tag),
        features=list(trained.features),
        decides=trained.decision.said(),
        training=trained.training,
        validation=trained.validation,
        importance=list(trained.importance),
        evaluation=None if judging is None else _judged(connection, step.name, judging),
    )


def _judged(connection: Connection, name: str, judging: Step) -> JudgedView | None:
    """The report of a candidate; None where only the chosen one has one (runs of earlier versions)."""
    report = Judged.from_document(judging.outputs).report_of(name)
    if report is None:
        return None
    document = report.to_document()  # in it, what is undefined is null
    gates = [
        GateView(name=gate.name, outcome=gate.outcome, says=gate.explanation, detectable=gate.detectable)
        for gate in report.gates
    ]
    examined = examined_views(report.examined, examined_later(connection, judging.key, name))
    found = {"metrics": document["challenger"]["metrics"], "gates": gates, "examined": examined}
    return msgspec.convert({**document, **msgspec.to_builtins(found)}, JudgedView)
