"""Deployment: package and sign what passed, register it, and let it answer a first share of the traffic."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import build_package, sign_again
from kreis.deployment.releases import (
    challenger_of,
    champion_of,
    check_approval,
    publish,
    release,
    rollback,
    start_canary,
)
from kreis.digests import digest_of
from kreis.errors import PolicyError
from kreis.evaluation.card import model_card
from kreis.evaluation.evaluate import EvaluationReport
from kreis.formats import document_of
from kreis.identifiers import new_id
from kreis.ledger import models, releases
from kreis.ledger.documents import put_document
from kreis.ledger.records import Document, Evaluation, Model, Release
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Hold, Verdict
from kreis.ways.tabular.evaluation import open_model
from kreis.ways.tabular.inputs import accepted_inputs, contracts_of_inputs, rules_of_inputs
from kreis.ways.tabular.paired_traffic import days_before
from kreis.ways.tabular.planning import plan_of
from kreis.ways.tabular.preparation import read_spine, spine_of, used_views
from kreis.ways.tabular.state import Circle
from kreis.ways.tabular.training import trained_of

__all__ = ["perform"]


def perform(circle: Circle) -> Verdict:
    """Make the evaluated candidate a release, or hold until the right person has said yes."""
    workspace, project = circle.workspace, circle.project
    declared = project.release_declaration
    chosen = circle.evaluated()["candidate"]
    fallback = None
    if declared.fallback is not None and declared.fallback != chosen:
        fallback = _register(circle, declared.fallback, _package(circle, declared.fallback), evaluated=False)
    model = _register(circle, chosen, _package(circle, chosen), evaluated=True)
    if (taken_out := _taken_out(circle, model)) is not None:
        return Hold(
            needs="a person",
            reason=f"release {taken_out.number} took version {model.version} out of service ({taken_out.reason});"
            " it does not come back by itself: kreis rollback --to NUMBER names a release that had it",
            detail={"model": model.digest},
        )
    try:
        released = _release(circle, model, None if fallback is None else fallback.digest)
    except PolicyError as error:
        if declared.approval is None:
            raise
        return Hold(needs=f"role {declared.approval}", reason=_said(error), detail={"model": model.digest})
    publish(workspace.ledger, project.name, workspace.service_folder, workspace.keys)
    shares = ", ".join(f"{route.share:.0%} {route.model[:12]}" for route in released.routes)
    stays = "" if any(each.model == model.digest for each in released.routes) else " stays, it answers alike"
    planned = (released.detail or {}).get("plan", {}) if released.run == circle.run else {}
    return Advance(
        summary=f"{chosen} is version {model.version} ({model.digest[:12]});"
        f" release {released.number}{stays}: {shares}",
        detail={
            "model": model.digest,
            "version": model.version,
            "release": released.number,
            "warnings": planned.get("warnings", []),
        },
    )


def _said(error: PolicyError) -> str:
    """An error in one line; where it arose is clear."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _package(circle: Circle, name: str) -> StepResult:
    project, spine = circle.project, spine_of(circle)
    trained = trained_of(circle, name)
    views, request_views = used_views(project, trained.features)

    def compute(key: str) -> dict[str, Any]:
        manifest = Manifest(
            project=project.name,
            candidate=name,
            kind=trained.kind,
            files={},
            rule=trained.rule,
            features=list(trained.features),
            views=views,
            request_views=request_views,
            threshold=trained.threshold,
            goal=project.goal.digest,
            metric=project.goal.metric.to_document(),
            outcome=spine.means_yes,
            inputs={each: circle.version_of(each) for each in circle.tables},
            training=trained.training,
            reference=trained.reference,
            accepts=accepted_inputs(project),
            rules=rules_of_inputs(project, read_spine(circle)),
            score_reference=trained.score_reference,
        )
        files = {} if trained.onnx is None else {"model.onnx": trained.onnx}
        return {"model": build_package(manifest, files, circle.workspace.artifacts).digest}

    return circle.memory.step(
        "deployment",
        f"package {name}",
        parameters={
            "goal": project.goal.digest,
            "outcome": spine.means_yes,
            "accepts": document_of(accepted_inputs(project)),
            "contracts": {each: contract.digest for each, contract in contracts_of_inputs(project).items()},
        },
        inputs={
            "candidate": circle.candidates[name].key,
            **{each: circle.version_of(each) for each in circle.tables},
        },
        compute=compute,
    )


def _register(circle: Circle, name: str, package: StepResult, *, evaluated: bool) -> Model:
    """Put the model, its evaluation and its card into the record; nothing happens where they are there."""
    workspace, project = circle.workspace, circle.project
    digest = package.outputs["model"]
    with workspace.ledger.read() as connection:
        known = models.find_model(connection, digest)
        judged = known is not None and (not evaluated or _judged(connection, digest, circle))
    if known is not None and judged:
        return known
    signature = known.signature if known is not None else sign_again(digest, workspace.artifacts, workspace.keys)
    with workspace.ledger.record(
        event="model.registered",
        subject=digest,
        actor=workspace.actor,
        reason=f"candidate {name} of run {circle.run}",
        inputs={"candidate": circle.candidates[name].key, "package": package.key},
    ) as tx:
        circle.memory.write_pending(tx)  # the model's run must hold all that it rests on, should it be cut off now
        model = models.register_model(
            tx, digest=digest, project=project.name, candidate=name, run=circle.run, signature=signature
        )
        if evaluated:
            _add_evaluation(circle, tx, model)
        tx.set_outputs({"version": model.version})
    return model


def _manifest(circle: Circle, digest: str) -> Manifest:
    return msgspec.json.decode(circle.workspace.artifacts.get(digest), type=Manifest)


def _judged(connection: Any, digest: str, circle: Circle) -> bool:
    key = circle.evaluation.key if circle.evaluation is not None else ""
    return any(each.metrics.get("step") == key for each in models.evaluations_of(connection, digest))


def _add_evaluation(circle: Circle, tx: Any, model: Model) -> None:
    report = EvaluationReport.from_document(circle.evaluated()["report"])
    document = report.to_document()
    key = circle.evaluation.key if circle.evaluation is not None else ""
    models.add_evaluation(
        tx,
        Evaluation(
            id=new_id(tx.now),
            model=model.digest,
            run=circle.run,
            metrics={**document["challenger"]["metrics"], "step": key},
            gates=document["gates"],
            passed=report.passed,
            at=tx.now,
        ),
    )
    manifest = _manifest(circle, model.digest)
    shown = ("project", "candidate", "outcome", "features", "inputs", "training")
    facts = {name: getattr(manifest, name) for name in shown}
    packaged = msgspec.structs.replace(report.challenger, digest=model.digest)
    card = model_card(msgspec.structs.replace(report, challenger=packaged), circle.project.goal, facts)
    put_document(tx, Document(digest=digest_of(card.encode()), kind="card", name=model.digest, body=card))


def _taken_out(circle: Circle, model: Model) -> Release | None:
    """The rollback, by a person or a canary's harm, with which a model left service, if that is how it left."""
    with circle.workspace.ledger.read() as connection:
        newer: Release | None = None
        for each in releases.list_releases(connection, circle.project.name):
            if any(route.model == model.digest for route in each.routes if route.mode == "live"):
                break
            newer = each
        else:
            return None
    return newer if newer is not None and newer.kind == "rollback" and newer.run is None else None


_ANSWERS = ("kind", "files", "rule", "features", "views", "request_views", "threshold")
"""What of a manifest says what a model answers."""


def _changed(circle: Circle, one: str, other: str) -> list[str] | None:
    """What two packages that answer alike differ in beside their training; None if they answer differently."""
    first, second = (_manifest(circle, digest) for digest in (one, other))
    if any(getattr(first, name) != getattr(second, name) for name in _ANSWERS):
        return None
    changes = {
        "goal": (first.goal, first.metric, first.outcome) != (second.goal, second.metric, second.outcome),
        "name": first.candidate != second.candidate,
        "rules for requests": (first.accepts, first.rules) != (second.accepts, second.rules),
    }
    return [name for name, differs in changes.items() if differs]


def _compared(circle: Circle, model: Model, current: Release) -> str:
    """What evaluation compared the model with, in a sentence."""
    report, judged = EvaluationReport.from_document(circle.evaluated()["report"]), circle.evaluated()["champion"]
    difference = report.differences.get("champion")
    on = f"on {report.rows:,} rows of {report.days} days as of {circle.as_of:%Y-%m-%d}"
    with circle.workspace.ledger.read() as connection:
        if judged is None or difference is None:
            serving = models.get_model(connection, champion_of(current)).version
            return f"version {model.version} passed its gates {on}; it was not compared with version {serving}"
        other = models.get_model(connection, judged).version
    return f"version {model.version} less version {other}: {difference} {report.unit}, {on}"


def _release(circle: Circle, model: Model, fallback: str | None) -> Release:
    workspace, project = circle.workspace, circle.project
    declared = project.release_declaration
    ledger, actor, name = workspace.ledger, workspace.releaser(declared.approval), project.name
    with ledger.read() as connection:
        current = releases.current_release(connection, name)

    def whole(reason: str) -> Release:
        approval, run = declared.approval, circle.run
        return release(
            ledger, name, model.digest, actor=actor, reason=reason, fallback=fallback, approval=approval, run=run
        )

    if current is None:
        return whole(f"first model: {circle.evaluated()['candidate']} passed its gates")
    challenger = challenger_of(current)
    for digest in (champion_of(current), challenger):
        changed = None if digest is None else [] if digest == model.digest else _changed(circle, digest, model.digest)
        if changed is None or digest is None:
            continue
        if not changed or challenger is not None:
            return current
        with ledger.read() as connection:
            version = models.get_model(connection, digest).version
        return whole(f"same model as version {version}, changed {' and '.join(changed)}")
    with ledger.read() as connection:  # before the canary that is going on makes room
        check_approval(connection, model.digest, declared.approval, actor)
    if challenger is not None:
        rollback(ledger, name, actor=actor, reason=f"a newer model passed: version {model.version}", run=circle.run)
    reason = _compared(circle, model, current)
    first = declared.canary.steps[0]
    if first >= 1.0:
        return whole(reason)
    return start_canary(
        ledger,
        name,
        model.digest,
        first,
        actor=actor,
        reason=reason,
        approval=declared.approval,
        run=circle.run,
        detail=_planned(circle, champion_of(current), model.digest),
    )


def _planned(circle: Circle, champion: str, challenger: str) -> dict[str, Any]:
    """What the canary can show, and the days before it on which both can be compared: the canary's moves need them."""
    workspace, project, now = circle.workspace, circle.project, circle.as_of
    pair = open_model(workspace, champion), open_model(workspace, challenger)
    before = days_before(project, workspace, pair, now)
    plan = plan_of(project, workspace, champion, now, before=before)
    planned = {} if plan is None else {"plan": msgspec.to_builtins(plan)}
    return {"days_before": msgspec.to_builtins(before), **planned}
