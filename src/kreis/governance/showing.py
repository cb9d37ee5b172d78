"""What `kreis show` shows: a run, a candidate, a model, its card, a table, a source, a release or an alert, as plain
documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.naming import model_named
from kreis.deployment.manifest import decode_manifest
from kreis.errors import ProjectError
from kreis.governance.alerts import alerts_document
from kreis.governance.candidates import candidate_document, candidates_of, comparison
from kreis.ledger import alerts, documents, models, releases, runs, steps, tables
from kreis.ledger.records import Evaluation, Model, Release, Step, TableVersion
from kreis.ways.tabular.results import CollectedSource
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SHOW"]

Document = dict[str, Any]

_ROWS = 3
"""Rows of a table that are shown."""
_HISTORY = 10


def _run(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        if name:
            run = runs.get_run(connection, name)
        else:
            last = runs.list_runs(connection, limit=1)
            if not last:
                raise ProjectError("nothing has run yet", where=str(workspace.folder), hint="kreis run")
            run = last[0]
        return {
            **msgspec.structs.asdict(run),
            "verdicts": [
                {
                    "discipline": each.discipline,
                    "kind": each.kind,
                    "to": each.to,
                    "reason": each.reason,
                    "detail": each.detail,
                }
                for each in runs.verdicts_of(connection, run.id)
            ],
            "steps": [
                {
                    "discipline": step.discipline,
                    "name": step.name,
                    "remembered": use.remembered,
                    "seconds": round(step.seconds, 2),
                    "key": step.key[:12],
                }
                for use, step in steps.steps_of(connection, run.id)
            ],
            "candidates": [{**each, "as_of": run.as_of} for each in candidates_of(connection, run.id)],
        }


def _candidate(workspace: Workspace, name: str, version: int | None) -> Document:
    if name:
        return candidate_document(workspace, name)
    found = comparison(workspace, [])
    return next((each for each in found if each["chosen"]), found[0])


def _model(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        model = _find_model(connection, workspace, name)
        evaluation = models.latest_evaluation(connection, model.digest)
        approvals = models.approvals_of(connection, model.digest)
        current = releases.current_release(connection, model.project)
    document = msgspec.structs.asdict(model)
    del document["signature"]
    document["serving"] = _serving(current, model)
    document["manifest"] = _manifest(workspace, model.digest)
    document["approvals"] = [msgspec.structs.asdict(each) for each in approvals]
    if evaluation is not None:
        document["evaluation"] = _evaluation(evaluation)
    return document


def _card(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        model = _find_model(connection, workspace, name)
        cards = [card for card in documents.list_documents(connection, "card") if card.name == model.digest]
    if not cards:
        raise ProjectError(
            f"version {model.version} ({model.candidate}) has no card",
            where=str(workspace.folder),
            hint="a model gets one when it is evaluated; baselines are compared with, not evaluated",
        )
    return {"model": model.digest, "version": model.version, "markdown": cards[-1].body}


def _find_model(connection: Connection, workspace: Workspace, name: str) -> Model:
    """By version, digest or beginning of one; the newest without a name."""
    project = _project(connection, workspace)
    if name:
        return model_named(connection, name, project)
    known = models.list_models(connection, project)
    if not known:
        hint = (
            "kreis run registers the first one that passes its gates; kreis compare shows the candidates that did not"
        )
        raise ProjectError("no model is registered yet", where=str(workspace.folder), hint=hint)
    return known[0]


def _serving(current: Release | None, model: Model) -> str | None:
    """What the current release has it do, in words."""
    if current is None:
        return None
    for route in current.routes:
        if route.model == model.digest:
            return f"release {current.number}: {route.share:.0%} {route.mode}"
    return f"release {current.number}: fallback" if current.fallback == model.digest else None


def _evaluation(evaluation: Evaluation) -> Document:
    return {
        "passed": evaluation.passed,
        "at": evaluation.at,
        "run": evaluation.run,
        "metrics": {
            name: {"value": found["value"], "low": found["low"], "high": found["high"]}
            for name, found in evaluation.metrics.items()
            if isinstance(found, dict) and found["value"] is not None
        },
        "gates": [
            {
                "name": gate["name"],
                "outcome": gate.get("outcome", "pass" if gate["passed"] else "fail"),
                "passed": gate["passed"],
                "says": gate["explanation"],
            }
            for gate in evaluation.gates
        ],
    }


def _manifest(workspace: Workspace, digest: str) -> Document:
    manifest = decode_manifest(workspace.artifacts.get(digest), where=f"package {digest[:12]}")
    shown = ("candidate", "features", "goal", "metric", "outcome", "inputs", "training")
    return {
        "kind": manifest.model.__struct_config__.tag,
        "decides": manifest.decision.said(manifest.outcome),
        "decision": msgspec.to_builtins(manifest.decision),
        **{name: getattr(manifest, name) for name in shown},
    }


def _table(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        known = tables.list_tables(connection)
        if not name:
            latest = [(each, tables.latest_version(connection, each)) for each in known]
            return {"tables": [{"table": each, **_version(last)} for each, last in latest if last is not None]}
        if name not in known:
            raise ProjectError.unknown_name("table", name, known, where=str(workspace.folder))
        history = {each.version: each for each in tables.versions_of(connection, name)}
    chosen = max(history) if version is None else version
    if chosen not in history:
        hint = f"it has the versions {min(history)} to {max(history)}"
        raise ProjectError(f"table {name!r} has no version {chosen}", where=str(workspace.folder), hint=hint)
    frame = workspace.lake.scan(name, chosen)
    return {
        "table": name,
        **_version(history[chosen]),
        "fingerprint": history[chosen].fingerprint,
        "columns": {column: _type(str(kind)) for column, kind in frame.collect_schema().items()},
        "first_rows": frame.head(_ROWS).collect().to_dicts(),
        "history": [{**_version(each), "run": each.run} for each in list(history.values())[-_HISTORY:]],
    }


def _version(each: TableVersion) -> Document:
    return {
        "version": each.version,
        "mode": each.mode,
        "rows": each.rows,
        "added_bytes": sum(file.size for file in each.added),
        "known_until": each.known_until,
        "at": each.at,
    }


def _type(kind: str) -> str:
    """A column's type without Python's quotes and keywords."""
    return kind.replace("time_unit=", "").replace("time_zone=", "").replace("'", "")


def _source(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        found = steps.last_steps(connection, "collection")
    if not found:
        raise ProjectError("nothing has been collected yet", where=str(workspace.folder), hint="kreis run")
    if not name:
        return {"sources": {each: _collected(step) for each, step in found.items()}}
    if name not in found:
        raise ProjectError.unknown_name("source", name, found, where=str(workspace.folder))
    return {"source": name, **_collected(found[name]), "at": found[name].finished_at}


def _collected(step: Step) -> Document:
    collected = CollectedSource.from_document(step.outputs)
    plain = {name: msgspec.to_builtins(getattr(collected, name)) for name in ("report", "files")}
    return {**msgspec.structs.asdict(collected), **plain}


def _release(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        project = _project(connection, workspace)
        if name:
            release = releases.get_release(connection, int(name) if name.isdecimal() else name, project=project)
        else:
            current = releases.current_release(connection, project)
            if current is None:
                raise ProjectError("nothing is in service yet", where=str(workspace.folder), hint="kreis run")
            release = current
        known = {model.digest: model for model in models.list_models(connection, project)}
        history = releases.list_releases(connection, project, limit=_HISTORY)
    fallback = known.get(release.fallback or "")
    return {
        **msgspec.structs.asdict(release),
        "routes": [
            {
                **msgspec.structs.asdict(route),
                "candidate": known[route.model].candidate,
                "version": known[route.model].version,
            }
            for route in release.routes
        ],
        "fallback_candidate": None if fallback is None else fallback.candidate,
        "fallback_version": None if fallback is None else fallback.version,
        "history": [
            {"number": each.number, "kind": each.kind, "at": each.at, "actor": each.actor, "reason": each.reason}
            for each in history
        ],
    }


def _alert(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        if name:
            return msgspec.structs.asdict(alerts.get_alert(connection, name))
    return alerts_document(workspace, open_only=False)


def _project(connection: Connection, workspace: Workspace) -> str:
    last = runs.list_runs(connection, limit=1)
    if not last:
        raise ProjectError("nothing has run yet", where=str(workspace.folder), hint="kreis run")
    return last[0].project


SHOW: Mapping[str, Callable[[Workspace, str, int | None], Document]] = {
    "run": _run,
    "candidate": _candidate,
    "model": _model,
    "card": _card,
    "table": _table,
    "source": _source,
    "release": _release,
    "alert": _alert,
}
