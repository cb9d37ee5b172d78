"""Deployment: package and sign what passed, register it, and let it answer a first share of the traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec

from kreis.deployment.manifest import Manifest, decode_manifest
from kreis.deployment.packages import sign_again
from kreis.deployment.releases import challenger_of, champion_of, check_approval
from kreis.digests import digest_of
from kreis.errors import PolicyError
from kreis.evaluation.card import model_card
from kreis.identifiers import new_id
from kreis.ledger import models, releases
from kreis.ledger.documents import put_document
from kreis.ledger.records import Document, Evaluation, Model, Release
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Hold, Verdict
from kreis.ways.paired_traffic import ReadPaired, days_before
from kreis.ways.planning import plan_of
from kreis.ways.results import Packaged
from kreis.ways.state import WayState

__all__ = ["Pack", "announce", "perform"]


State = TypeVar("State", bound=WayState)
Pack: TypeAlias = Callable[[State, str], StepResult[Packaged]]
"""Packages a candidate by its name, as the project's way does."""


def perform(
    state: State,
    pack: Pack[State],
    read: ReadPaired,
    *,
    refreshes: Callable[[Manifest, Manifest], bool] = lambda one, other: False,
) -> Verdict:
    """Make the evaluated candidate a release, or hold until the right person has said yes.

    Args:
        state: Of the run.
        pack: Makes the package of a candidate.
        read: Reads the log, to compare models.
        refreshes: Whether two packages are the same model with older and newer data: what is newer goes live at once.
    """
    declared = state.project.release_declaration
    chosen = state.judged.candidate
    fallback = None
    if declared.fallback is not None and declared.fallback != chosen:
        fallback = _register(state, declared.fallback, pack(state, declared.fallback), evaluated=False)
    model = _register(state, chosen, pack(state, chosen), evaluated=True)
    if (taken_out := _taken_out(state, model)) is not None:
        return Hold(
            needs="a person",
            reason=f"release {taken_out.number} took version {model.version} out of service ({taken_out.reason});"
            " it does not come back by itself: kreis rollback --to NUMBER --reason … names a release that had it",
            detail={"model": model.digest},
        )
    try:
        released = _release(state, model, None if fallback is None else fallback.digest, read, refreshes)
    except PolicyError as error:
        if declared.approval is None:
            raise
        detail = {"model": model.digest, "review": msgspec.to_builtins(declared.approval)}
        return Hold(needs=declared.approval.said, reason=_said(error), detail=detail)
    shares = ", ".join(f"{route.share:.0%} {route.model[:12]}" for route in released.routes)
    going_on = " and what else is new waits for the end of its canary" if challenger_of(released) else ""
    serves = any(each.model == model.digest for each in released.routes)
    stays = "" if serves else f" stays, it answers alike{going_on}"
    planned = (released.detail or {}).get("plan", {}) if released.run == state.run else {}
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


def announce(state: WayState) -> str:
    """What it would do, in a sentence."""
    declared = state.project.release_declaration
    first = declared.canary.steps[0]
    approval = f" after a person of {declared.approval.said} has approved it" if declared.approval else ""
    with state.workspace.ledger.read() as connection:
        current = releases.current_release(connection, state.project.name)
    if current is None or first >= 1.0:
        share = "it gets all of the traffic"
    else:
        share = f"a new one gets {first:.0%} of the traffic, as a canary beside release {current.number}"
    return f"a model that passes its gates is packaged, signed and registered; {share}{approval}"


def _said(error: PolicyError) -> str:
    """An error in one line; where it arose is clear."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _register(state: WayState, name: str, package: StepResult[Packaged], *, evaluated: bool) -> Model:
    """Put the model, its evaluation and its card into the record; nothing happens where they are there."""
    workspace, project = state.workspace, state.project
    digest = package.output.model
    with workspace.ledger.read() as connection:
        known = models.find_model(connection, digest)
        judged = known is not None and (not evaluated or _judged(connection, digest, state))
    if known is not None and judged:
        return known
    signature = known.signature if known is not None else sign_again(digest, workspace.artifacts, workspace.keys)
    with workspace.ledger.record(
        event="model.registered",
        subject=digest,
        actor=workspace.actor,
        reason=f"candidate {name} of run {state.run}",
        inputs={"candidate": state.candidates[name].key, "package": package.key},
    ) as tx:
        state.memory.write_pending(tx)  # the model's run must hold all that it rests on, should it be cut off now
        model = models.register_model(
            tx, digest=digest, project=project.name, candidate=name, run=state.run, signature=signature
        )
        if evaluated:
            _add_evaluation(state, tx, model)
        tx.set_outputs({"version": model.version})
    return model


def _manifest(state: WayState, digest: str) -> Manifest:
    return decode_manifest(state.workspace.artifacts.get(digest), where=f"package {digest[:12]}")


def _judged(connection: Any, digest: str, state: WayState) -> bool:
    key = state.evaluation.key if state.evaluation is not None else ""
    return any(each.metrics.get("step") == key for each in models.evaluations_of(connection, digest))


def _add_evaluation(state: WayState, tx: Any, model: Model) -> None:
    report = state.judged.report
    document = report.to_document()
    key = state.evaluation.key if state.evaluation is not None else ""
    manifest = _manifest(state, model.digest)
    shown = ("project", "candidate", "outcome", "features", "inputs", "training")
    facts = {name: getattr(manifest, name) for name in shown}
    packaged = msgspec.structs.replace(report.challenger, digest=model.digest)
    goal = state.project.goal
    judged = msgspec.structs.replace(report, challenger=packaged)
    card = model_card(judged, goal.to_document(), facts, task=goal.task.card_task)
    digest = digest_of(card.encode())
    put_document(tx, Document(digest=digest, kind="card", name=model.digest, body=card))
    models.add_evaluation(
        tx,
        Evaluation(
            id=new_id(tx.now),
            model=model.digest,
            run=state.run,
            metrics={**document["challenger"]["metrics"], "step": key, "card": digest},
            gates=document["gates"],
            passed=report.passed,
            at=tx.now,
        ),
    )


def _taken_out(state: WayState, model: Model) -> Release | None:
    """The rollback, by a person or a canary's harm, with which a model left service, if that is how it left."""
    with state.workspace.ledger.read() as connection:
        newer: Release | None = None
        for each in releases.list_releases(connection, state.project.name):
            if any(route.model == model.digest for route in each.routes if route.mode == "live"):
                break
            newer = each
        else:
            return None
    return newer if newer is not None and newer.kind == "rollback" and newer.run is None else None


_ANSWERS = ("model", "features", "views", "request_views", "decision")
"""What of a manifest says what a model answers."""


def _changed(state: WayState, one: str, other: str) -> list[str] | None:
    """What two packages that answer alike differ in beside their training; None if they answer differently."""
    first, second = (_manifest(state, digest) for digest in (one, other))
    if any(getattr(first, name) != getattr(second, name) for name in _ANSWERS):
        return None
    changes = {
        "goal": (first.goal, first.metric, first.outcome) != (second.goal, second.metric, second.outcome),
        "name": first.candidate != second.candidate,
        "rules for requests": (first.accepts, first.rules) != (second.accepts, second.rules),
        "what goes with answers": first.parts != second.parts,
    }
    return [name for name, differs in changes.items() if differs]


def _compared(state: WayState, model: Model, current: Release) -> str:
    """What evaluation compared the model with, in a sentence."""
    report, judged = state.judged.report, state.judged.champion
    difference = report.differences.get("champion")
    on = f"on {report.judged_on} as of {state.as_of:%Y-%m-%d}"
    with state.workspace.ledger.read() as connection:
        if judged is None or difference is None:
            serving = models.get_model(connection, champion_of(current)).version
            return f"version {model.version} passed its gates {on}; it was not compared with version {serving}"
        other = models.get_model(connection, judged).version
    return f"version {model.version} less version {other}: {difference} {report.unit}, {on}"


def _release(
    state: WayState,
    model: Model,
    fallback: str | None,
    read: ReadPaired,
    refreshes: Callable[[Manifest, Manifest], bool],
) -> Release:
    workspace, project = state.workspace, state.project
    declared = project.release_declaration
    ledger, actor, record = workspace.ledger, workspace.releaser(declared.approval), workspace.releases(project.name)
    current = record.publish()

    def whole(reason: str) -> Release:
        approval, run = declared.approval, state.run
        return record.release(model.digest, actor=actor, reason=reason, fallback=fallback, approval=approval, run=run)

    if current is None:
        return whole(f"first model: {state.judged.candidate} passed its gates")
    challenger = challenger_of(current)
    for digest in (champion_of(current), challenger):
        changed = None if digest is None else [] if digest == model.digest else _changed(state, digest, model.digest)
        if changed is None or digest is None:
            continue
        if not changed or challenger is not None:
            return current
        with ledger.read() as connection:
            version = models.get_model(connection, digest).version
        return whole(f"same model as version {version}, changed {' and '.join(changed)}")
    champion = champion_of(current)
    if challenger is None and refreshes(_manifest(state, champion), _manifest(state, model.digest)):
        with ledger.read() as connection:
            version = models.get_model(connection, champion).version
        return whole(f"the same as version {version}, with the data as of {state.as_of:%Y-%m-%d %H:%M}")
    with ledger.read() as connection:  # before the canary that is going on makes room
        check_approval(connection, model.digest, declared.approval, actor)
    if challenger is not None:
        record.roll_back(actor=actor, reason=f"a newer model passed: version {model.version}", run=state.run)
    reason = _compared(state, model, current)
    first = declared.canary.steps[0]
    if first >= 1.0:
        return whole(reason)
    return record.start_canary(
        model.digest,
        first,
        actor=actor,
        reason=reason,
        approval=declared.approval,
        run=state.run,
        detail=_planned(state, champion, model.digest, read),
    )


def _planned(state: WayState, champion: str, challenger: str, read: ReadPaired) -> dict[str, Any]:
    """What the canary can show, and the days before it on which both can be compared: the canary's moves need them."""
    workspace, project, now = state.workspace, state.project, state.as_of
    pair = workspace.open_model(champion), workspace.open_model(challenger)
    before = days_before(project, workspace, pair, now, read)
    plan = plan_of(project, workspace, champion, now, before=before)
    planned = {} if plan is None else {"plan": msgspec.to_builtins(plan)}
    return {"days_before": msgspec.to_builtins(before), **planned}
