"""Every candidate of every run, passed or not: how it was trained, judged and compared, as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.naming import model_named
from kreis.errors import ProjectError
from kreis.ledger import models, runs, steps
from kreis.ledger.records import Model, Run, Step
from kreis.ways.tabular.results import Judged, Trained
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["candidate_document", "candidates_of", "comparison"]

Document = dict[str, Any]


def candidates_of(connection: Connection, run: str) -> list[Document]:
    """The candidates that a run trained or remembered, in order, each with what evaluation says of it."""
    used = [step for _, step in steps.steps_of(connection, run)]
    evaluation = next((step for step in used if step.discipline == "evaluation"), None)
    return [_candidate(run, step, evaluation) for step in used if step.discipline == "training"]


def candidate_document(workspace: Workspace, name: str) -> Document:
    """One candidate.

    Args:
        workspace: Where.
        name: A candidate of the last run that has one of this name; "RUN/NAME" of another run; or a model's version
            or digest.

    Raises:
        ProjectError: there is none; the hint names those that there are.
    """
    run, _, candidate = name.rpartition("/")
    with workspace.ledger.read() as connection:
        known = [runs.get_run(connection, run)] if run else runs.list_runs(connection)
        names: dict[str, None] = {}
        for each in known:
            for found in candidates_of(connection, each.id):
                if found["name"] == candidate:
                    return {**found, "as_of": each.as_of}
                names[found["name"]] = None
        if not run and (model := _model(connection, name, known)) is not None:
            return _of_model(connection, model)
    if not names:
        raise ProjectError("nothing has been trained yet", where=str(workspace.folder), hint="kreis run")
    raise ProjectError.unknown_name("candidate", candidate, names, where=str(workspace.folder))


def comparison(workspace: Workspace, names: list[str]) -> list[Document]:
    """Candidates side by side; all of the last run that trained any if none is named.

    Raises:
        ProjectError: there is none of a name.
    """
    if names:
        return [candidate_document(workspace, name) for name in names]
    with workspace.ledger.read() as connection:
        for run in runs.list_runs(connection):
            if found := candidates_of(connection, run.id):
                return [{**each, "as_of": run.as_of} for each in found]
    raise ProjectError("nothing has been trained yet", where=str(workspace.folder), hint="kreis run")


def _model(connection: Connection, name: str, known: list[Run]) -> Model | None:
    try:
        return model_named(connection, name, known[0].project if known else None)
    except ProjectError:
        return None


def _of_model(connection: Connection, model: Model) -> Document:
    """The candidate that a model was: of its own run, and as it was judged when it was let into service."""
    run = runs.get_run(connection, model.run)
    found = next(each for each in candidates_of(connection, run.id) if each["name"] == model.candidate)
    evaluation = models.latest_evaluation(connection, model.digest)
    step = None if evaluation is None else steps.find_step(connection, evaluation.metrics.get("step", ""))
    judged = found["evaluation"] if step is None else _judged(model.candidate, Judged.from_document(step.outputs))
    return {**found, "as_of": run.as_of, "version": model.version, "evaluation": judged}


def _candidate(run: str, step: Step, evaluation: Step | None) -> Document:
    trained = Trained.from_document(step.outputs).candidate
    judged = None if evaluation is None else Judged.from_document(evaluation.outputs)
    return {
        "run": run,
        "name": step.name,
        "chosen": judged is not None and judged.candidate == step.name,
        "kind": trained.form.__struct_config__.tag,
        "features": list(trained.features),
        "decides": trained.decision.said("positive"),
        "training": trained.training,
        "validation": trained.validation,
        "importance": msgspec.to_builtins(trained.importance),
        "evaluation": None if judged is None else _judged(step.name, judged),
    }


def _judged(name: str, judged: Judged) -> Document | None:
    """The report of a candidate; None where only the chosen one has one (runs of earlier versions)."""
    report = judged.report_of(name)
    if report is None:
        return None
    document = report.to_document()
    kept = ("outcome", "unit", "level", "rows", "days", "rarer", "differences", "slices", "reliability")
    return {
        **{key: document[key] for key in kept},
        "metrics": document["challenger"]["metrics"],
        "gates": [{"name": gate.name, "outcome": gate.outcome, "says": gate.explanation} for gate in report.gates],
    }
