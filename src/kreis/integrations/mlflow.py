"""Runs, as an MLflow server shows them: a run of MLflow for each run, and below it one for each candidate.

What is on record stays the record: MLflow gets parameters, metrics with their intervals, points, and where
artefacts lie.
A run that could not be mirrored, because the server was away, is mirrored with the next one.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite, nan
from typing import Any
from urllib.parse import urlsplit

from kreis.errors import KreisWarning, MissingLibraryError
from kreis.governance.views.candidate import CandidateView, candidates_of
from kreis.governance.views.logged import LoggedSeries, LoggedView, logged_of
from kreis.ledger import runs
from kreis.ledger.records import Run
from kreis.workspace import Workspace

__all__ = ["mirror"]

_BEFORE = 20
"""So many of the last runs are looked after."""
_AT_ONCE = 900
"""Metrics in one call; MLflow takes at most 1,000, and 100 parameters and tags."""
_FEW = 90
_LONGEST = 500
"""Letters of a parameter's value."""
_WAIT_S = 3.0
_RUN, _WHOLE = "kreis.run", "kreis.mirrored"
_STATUS = {"advanced": "FINISHED", "held": "FINISHED", "sent_back": "FINISHED", "failed": "FAILED"}
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Of MLflow: it reports to nobody, and does not wait for minutes for a server that is away."""


def mirror(workspace: Workspace) -> None:
    """Bring the last runs that have ended to the MLflow server of `tracking.mlflow`, if one is named.

    Never fails: a server that is away, or a library that is missing, is a warning.
    """
    url = workspace.settings.tracking.mlflow
    if not url:
        return
    try:
        _reach(url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what MLflow warns of is not for who runs a circle
            _mirror(workspace, url)
    except Exception as error:  # whatever the client raises: the run is on record, and has ended
        missing = MissingLibraryError.of(error)
        said = f"{missing.message} ({missing.hint})" if missing else f"{type(error).__name__}: {_first_line(error)}"
        warnings.warn(
            f"not mirrored to MLflow at {_place(url)}: {said}; it is tried again with the next run",
            KreisWarning,
            stacklevel=2,
        )


def _reach(url: str) -> None:
    """Find out quickly whether anybody answers.

    Raises:
        OSError: nobody does.
    """
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=_WAIT_S).close()


def _mirror(workspace: Workspace, url: str) -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    client = MlflowClient(url)
    with workspace.ledger.read() as connection:
        ended = [run for run in runs.list_runs(connection, limit=_BEFORE) if run.status != "running"]
        if not ended:
            return
        experiment = _experiment(client, ended[0].project)
        there = _mirrored(client, experiment)
        for run in reversed(ended):
            known = there.get(run.id, {})
            if not any(known.values()):
                for half in known:
                    client.delete_run(half)
                logged = logged_of(workspace, connection, run, whole=True)
                _send(workspace, client, experiment, run, candidates_of(connection, run), logged)


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)


def _mirrored(client: Any, experiment: str) -> dict[str, dict[str, bool]]:
    """By kreis's run: MLflow's, and whether all of it is there."""
    there: dict[str, dict[str, bool]] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for each in page:
            if _RUN in each.data.tags:
                there.setdefault(each.data.tags[_RUN], {})[each.info.run_id] = _WHOLE in each.data.tags
        token = page.token
        if not token:
            # Whole is what the parent says; its children without it are whole with it.
            return there


def _send(
    workspace: Workspace,
    client: Any,
    experiment: str,
    run: Run,
    candidates: Sequence[CandidateView],
    logged: LoggedView,
) -> None:
    """One run, and its candidates below it; that it is whole is said last."""
    chosen = next((each for each in candidates if each.chosen), None)
    status, ended = _STATUS.get(run.status, "FAILED"), _milliseconds(run.finished_at or run.started_at)
    tags = {
        _RUN: run.id,
        "kreis.status": run.status,
        "kreis.as_of": run.as_of.isoformat(),
        "kreis.trigger": run.trigger,
        "kreis.goal": run.goal,
        "mlflow.source.git.commit": run.pins.get("git_commit", ""),
        "kreis.chosen": "" if chosen is None else chosen.name,
        **_links(workspace, logged, ""),
    }
    parent = _begin(client, experiment, run.id[:13], tags, run.started_at)
    totals = {"cpu_seconds": sum(each.cpu_seconds for each in logged.used if not each.step)}
    values = {**totals, **({} if chosen is None else _metrics(chosen))}
    series = [each for each in logged.series if each.discipline != "training"]
    _fill(client, parent, run, _pins(run), values, series)
    for each in candidates:
        name = f"training/{each.name}"
        below = {_RUN: run.id, "mlflow.parentRunId": parent, "kreis.baseline": str(each.baseline)}
        child = _begin(client, experiment, each.name, below | _links(workspace, logged, each.name), run.started_at)
        series = [one for one in logged.series if (one.discipline, one.step) == ("training", each.name)]
        params = {**each.training.get("parameters", {}), **logged.params.get(name, {})}
        _fill(client, child, run, params, _metrics(each), series)
        client.set_terminated(
            child, _STATUS.get(run.status, "FAILED"), _milliseconds(run.finished_at or run.started_at)
        )
    client.set_tag(parent, _WHOLE, "yes")
    client.set_terminated(parent, status, ended)


def _begin(client: Any, experiment: str, name: str, tags: Mapping[str, str], at: datetime) -> str:
    kept = {key: value[:4000] for key, value in tags.items() if value}
    found = client.create_run(experiment, start_time=_milliseconds(at), tags=kept, run_name=name)
    return str(found.info.run_id)


def _fill(
    client: Any,
    place: str,
    run: Run,
    params: Mapping[str, Any],
    values: Mapping[str, float],
    series: Sequence[LoggedSeries],
) -> None:
    from mlflow.entities import Metric, Param

    at = _milliseconds(run.finished_at or run.started_at)
    given = [Param(_key(name), str(value)[:_LONGEST]) for name, value in params.items() if value is not None]
    for start in range(0, len(given), _FEW):
        client.log_batch(place, params=given[start : start + _FEW])
    metrics = [Metric(_key(name), value, at, 0) for name, value in values.items()]
    metrics += [Metric(name, value, at + order, step) for name, value, order, step in _points(series)]
    for start in range(0, len(metrics), _AT_ONCE):
        client.log_batch(place, metrics=metrics[start : start + _AT_ONCE])


def _points(series: Sequence[LoggedSeries]) -> Iterator[tuple[str, float, int, int]]:
    for each in series:
        where = [each.part] if each.discipline == "training" else [each.step, each.part]
        name = _key("/".join([*filter(None, where), each.name]))
        for order, (step, value) in enumerate(each.points):
            yield name, nan if value is None else value, order, round(step)


def _metrics(candidate: CandidateView) -> dict[str, float]:
    """What evaluation says of a candidate, with the ends of intervals; where there is none, what validation says."""
    judged = candidate.evaluation
    if judged is None:
        found = {f"validation_{name}": value for name, value in candidate.validation.items()}
        return {name: value for name, value in found.items() if isinstance(value, int | float) and isfinite(value)}
    return {
        f"{name}{end}": value
        for name, each in judged.metrics.items()
        for end, value in (("", each.value), ("_low", each.low), ("_high", each.high))
        if value is not None
    }


def _pins(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.pins.items() if name not in ("git_commit", "dependency_lock")}


def _links(workspace: Workspace, logged: LoggedView, candidate: str) -> dict[str, str]:
    """Where artefacts lie: of a candidate, or of all steps that are none."""
    return {
        f"kreis.artifact.{_key(each.name)}": f"{workspace.artifacts.where(each.digest)} (sha256 {each.digest})"
        for each in logged.artefacts
        if (each.step if each.discipline == "training" else "") == candidate
    }


def _key(name: str) -> str:
    """A name that MLflow takes: letters, digits and _ - . / and blanks."""
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "_-./ ") else "_" for each in name)
    return kept[:240].strip("/. ") or "_"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _place(url: str) -> str:
    """A server without what its URL may hold of secrets."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or f"{parts.scheme}:…"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:300]
