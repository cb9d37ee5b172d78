"""What `kreis show` shows: a run, a model, a table or a release, as plain documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.ledger import models, releases, runs, steps, tables
from kreis.loop.workspace import Workspace

__all__ = ["SHOW"]

Document = dict[str, Any]


def _run(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        if name:
            run = runs.get_run(connection, name)
        else:
            last = runs.list_runs(connection, limit=1)
            if not last:
                raise ProjectError("nothing has run yet", hint="kreis run")
            run = last[0]
        return {
            **msgspec.structs.asdict(run),
            "verdicts": [
                {"discipline": each.discipline, "kind": each.kind, "reason": each.reason}
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
        }


def _model(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        if name:
            model = models.get_model(connection, name, project=_project(workspace))
        else:
            known = models.list_models(connection)
            if not known:
                raise ProjectError("no model is registered yet", hint="kreis run")
            model = max(known, key=lambda each: each.version)
        evaluation = models.latest_evaluation(connection, model.digest)
        approvals = models.approvals_of(connection, model.digest)
    document = msgspec.structs.asdict(model)
    del document["signature"]
    document["manifest"] = _manifest(workspace, model.digest)
    document["approvals"] = [msgspec.structs.asdict(each) for each in approvals]
    if evaluation is not None:
        document["passed"] = evaluation.passed
        document["metrics"] = {
            each: f"{found['value']:.4g} ({found['low']:.4g} to {found['high']:.4g})"
            for each, found in evaluation.metrics.items()
            if isinstance(found, dict) and found["value"] is not None
        }
        document["gates"] = [{"passed": gate["passed"], "says": gate["explanation"]} for gate in evaluation.gates]
    return document


def _manifest(workspace: Workspace, digest: str) -> Document:
    document: Document = msgspec.json.decode(workspace.artifacts.get(digest))
    shown = ("candidate", "kind", "features", "threshold", "goal", "outcome", "inputs", "training")
    return {name: document[name] for name in shown}


def _table(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        known = tables.list_tables(connection)
        if not name:
            return {
                "tables": [
                    {"table": each, "version": last.version, "rows": last.rows, "known_until": last.known_until}
                    for each in known
                    if (last := tables.latest_version(connection, each)) is not None
                ]
            }
        if name not in known:
            raise ProjectError.unknown_name("table", name, known)
        history = tables.versions_of(connection, name)
    chosen = history[-1].version if version is None else version
    frame = workspace.lake.scan(name, chosen)
    return {
        "table": name,
        "version": chosen,
        "columns": {column: str(kind) for column, kind in frame.collect_schema().items()},
        "first_rows": frame.head(3).collect().to_dicts(),
        "history": [
            {"version": each.version, "mode": each.mode, "rows": each.rows, "at": each.at, "run": each.run}
            for each in history[-10:]
        ],
    }


def _release(workspace: Workspace, name: str, version: int | None) -> Document:
    with workspace.ledger.read() as connection:
        project = _project(workspace)
        if name:
            release = releases.get_release(connection, int(name) if name.isdecimal() else name, project=project)
        else:
            current = releases.current_release(connection, project)
            if current is None:
                raise ProjectError("nothing is in service yet", hint="kreis run")
            release = current
        document = msgspec.structs.asdict(release)
        document["routes"] = [msgspec.structs.asdict(route) for route in release.routes]
        document["history"] = [
            {"number": each.number, "kind": each.kind, "at": each.at, "reason": each.reason}
            for each in releases.list_releases(connection, project, limit=10)
        ]
    return document


def _project(workspace: Workspace) -> str:
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=1)
    if not last:
        raise ProjectError("nothing has run yet", hint="kreis run")
    return last[0].project


SHOW: Mapping[str, Callable[[Workspace, str, int | None], Document]] = {
    "run": _run,
    "model": _model,
    "table": _table,
    "release": _release,
}
