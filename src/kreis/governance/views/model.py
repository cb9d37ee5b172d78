"""A model: what it learned from, how it decides, how it did, and who said yes; and its card."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.model_names import model_named
from kreis.actions.statements import statements_on_record
from kreis.deployment.manifest import decode_manifest
from kreis.deployment.review import lacking, review_on_record
from kreis.errors import ProjectError
from kreis.evaluation.card import model_card
from kreis.governance.views.examined import ExaminedView, examined_later, examined_views
from kreis.governance.views.release import project_of
from kreis.ledger import documents, models, releases, steps
from kreis.ledger.proof import actor_of
from kreis.ledger.records import Approval, Evaluation, Model, Release, Step
from kreis.tasks.decisions import Decision
from kreis.texts import date
from kreis.ways.results import Judged
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "CardView",
    "IntervalView",
    "ManifestView",
    "ModelGate",
    "ModelJudged",
    "ModelView",
    "card_view",
    "model_view",
]


class IntervalView(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its interval."""

    value: float
    low: float | None
    high: float | None


class ModelGate(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate concluded when the model was judged."""

    name: str
    outcome: str
    passed: bool
    says: str


class ModelJudged(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did on data that it had not seen."""

    passed: bool
    at: datetime
    run: str
    digest: str
    """What an approval is bound to, beside the model's digest."""
    metrics: dict[str, IntervalView]
    gates: list[ModelGate]
    examined: list[ExaminedView] = []
    """What else it was asked, in the run and after it."""


class ManifestView(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's package says of itself."""

    candidate: str
    kind: str
    features: list[str]
    decides: str
    """How a score becomes a decision, in words."""
    decision: Decision
    goal: str
    metric: dict[str, Any]
    outcome: str
    inputs: dict[str, str]
    training: dict[str, Any]


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model."""

    digest: str
    project: str
    version: int
    candidate: str
    run: str
    at: datetime
    serving: str | None
    """What the current release has it do, in words."""
    manifest: ManifestView
    approvals: list[Approval]
    missing: list[str]
    """What people must still say before it may be released, as far as a release was held for it."""
    evaluation: ModelJudged | None
    """None for one that was never judged by itself: a fallback."""


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """A model's card."""

    model: str
    version: int
    markdown: str


def model_view(workspace: Workspace, name: str) -> ModelView:
    """A model by version, digest or beginning of one; the newest without a name.

    Raises:
        ProjectError: no such model, or none yet.
    """
    with workspace.ledger.read() as connection:
        model = _find_model(connection, workspace, name)
        evaluation = models.latest_evaluation(connection, model.digest)
        approvals = models.approvals_of(connection, model.digest)
        current = releases.current_release(connection, model.project)
        missing = _missing(connection, model)
        examined = [] if evaluation is None else _examined(connection, model, evaluation)
    return ModelView(
        digest=model.digest,
        project=model.project,
        version=model.version,
        candidate=model.candidate,
        run=model.run,
        at=model.at,
        serving=_serving(current, model),
        manifest=_manifest(workspace, model.digest),
        approvals=approvals,
        missing=missing,
        evaluation=None if evaluation is None else _judged(evaluation, examined),
    )


def card_view(workspace: Workspace, name: str) -> CardView:
    """A model's card, with what people have said since it was registered.

    Raises:
        ProjectError: no such model, or it has none.
    """
    with workspace.ledger.read() as connection:
        model = _find_model(connection, workspace, name)
        evaluation = models.latest_evaluation(connection, model.digest)
        digest = "" if evaluation is None else evaluation.metrics.get("card", "")
        card = documents.find_document(connection, digest)
        if card is None:  # of a version whose evaluations did not name their cards
            cards = [each for each in documents.list_documents(connection, "card") if each.name == model.digest]
            card = cards[-1] if cards else None
        if card is None:
            raise ProjectError(
                f"version {model.version} ({model.candidate}) has no card",
                where=str(workspace.folder),
                hint="a model gets one when it is evaluated; baselines are compared with, not evaluated",
            )
        step = None if evaluation is None else steps.find_step(connection, evaluation.metrics.get("step", ""))
        task = _TASK.search(card.body)
        if step is None or task is None:
            return CardView(model=model.digest, version=model.version, markdown=card.body)
        written = _written(connection, workspace, model, step, task[1])
    return CardView(model=model.digest, version=model.version, markdown=written)


def _written(connection: Connection, workspace: Workspace, model: Model, step: Step, task: str) -> str:
    """The card as of now: of what was judged then, what was asked later, and what people said."""
    manifest = decode_manifest(workspace.artifacts.get(model.digest), where=f"package {model.digest[:12]}")
    report = Judged.from_document(step.outputs).report
    later = examined_later(connection, step.key, model.candidate)
    examined = {each.examination: each for each in (*report.examined, *later)}
    packaged = msgspec.structs.replace(report.challenger, digest=model.digest)
    goal = documents.get_document(connection, manifest.goal)
    shown = ("project", "candidate", "outcome", "features", "inputs", "training")
    return model_card(
        msgspec.structs.replace(report, challenger=packaged, examined=list(examined.values())),
        msgspec.json.decode(goal.body),
        {name: getattr(manifest, name) for name in shown},
        task=task,
        said={key: said for key, (said, _) in statements_on_record(connection).items()},
        approvals=[
            f"Approved by {each.actor} as {each.role} on {date(each.at)} UTC: {each.reason}"
            for each in models.approvals_of(connection, model.digest)
        ],
    )


_TASK = re.compile(r"^pipeline_tag: (\S+)$", re.MULTILINE)
"""What the card that was registered with the model says of its task."""


def _missing(connection: Connection, model: Model) -> list[str]:
    review = review_on_record(connection, model)
    if review is None:
        return []
    runner = actor_of(connection, "run.started", model.run)
    found = lacking(connection, model.digest, review, releases=runner)
    return [f"{each.what} as {each.role!r}" if each.role else each.what for each in found]


def _find_model(connection: Connection, workspace: Workspace, name: str) -> Model:
    project = project_of(connection, workspace)
    if name:
        return model_named(connection, name, project)
    known = models.list_models(connection, project)
    if not known:
        hint = (
            "kreis run registers the first one that passes its gates; kreis compare shows the candidates that did not"
        )
        raise ProjectError("no model is registered yet", where=str(workspace.folder), hint=hint)
    return known[0]


def _manifest(workspace: Workspace, digest: str) -> ManifestView:
    manifest = decode_manifest(workspace.artifacts.get(digest), where=f"package {digest[:12]}")
    return ManifestView(
        candidate=manifest.candidate,
        kind=str(manifest.model.__struct_config__.tag),
        features=manifest.features,
        decides=manifest.decision.said(manifest.outcome),
        decision=manifest.decision,
        goal=manifest.goal,
        metric=manifest.metric,
        outcome=manifest.outcome,
        inputs=manifest.inputs,
        training=manifest.training,
    )


def _serving(current: Release | None, model: Model) -> str | None:
    if current is None:
        return None
    for route in current.routes:
        if route.model == model.digest:
            return f"release {current.number}: {route.share:.0%} {route.mode}"
    return f"release {current.number}: fallback" if current.fallback == model.digest else None


def _examined(connection: Connection, model: Model, evaluation: Evaluation) -> list[ExaminedView]:
    step = steps.find_step(connection, evaluation.metrics.get("step", ""))
    if step is None:
        return []
    report = Judged.from_document(step.outputs).report
    return examined_views(report.examined, examined_later(connection, step.key, model.candidate))


def _judged(evaluation: Evaluation, examined: list[ExaminedView]) -> ModelJudged:
    return ModelJudged(
        passed=evaluation.passed,
        at=evaluation.at,
        run=evaluation.run,
        digest=models.evaluation_digest(evaluation),
        metrics={
            name: IntervalView(value=found["value"], low=found["low"], high=found["high"])
            for name, found in evaluation.metrics.items()
            if isinstance(found, dict) and found["value"] is not None
        },
        gates=[
            ModelGate(
                name=gate["name"],
                outcome=gate.get("outcome", "pass" if gate["passed"] else "fail"),
                passed=gate["passed"],
                says=gate["explanation"],
            )
            for gate in evaluation.gates
        ],
        examined=examined,
    )
