"""Why a prediction came out as it did: the walk back, from the answer to the goal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from kreis.clock import moment
from kreis.deployment.explaining import (
    Instead,
    check_immutable,
    explainer_of,
    instead_of,
    lacks_reasons,
    reasons_of,
    spoken_of,
)
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import Package
from kreis.deployment.predictions.records import Several
from kreis.deployment.predictions.shipping import PREDICTIONS
from kreis.durations import parse_duration
from kreis.errors import ProjectError
from kreis.expressions.scalars import category
from kreis.expressions.tree import Expression
from kreis.generative.pipeline import Pipeline
from kreis.governance.views.as_they_stand import as_they_stand
from kreis.governance.views.why_answer import WhyAnswer, answer_of
from kreis.identifiers import time_of
from kreis.ledger import documents, models, releases, runs, steps
from kreis.ledger.records import Model, Release, Step
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.explanations.reasons import Explained
from kreis.models.scoring import Matrix, Scores
from kreis.monitoring.traffic import outcomes_known, with_outcomes
from kreis.preparation.view_rules import lineage
from kreis.preparation.views import FeatureView, RequestView, window_name
from kreis.ways.results import CollectedSource, LakeTable
from kreis.workspace import Workspace

__all__ = ["UsedFeature", "WhyModel", "WhyPrediction", "WhyRun", "WhyView", "why_view"]

_TABLES = ("collection", "preparation")
"""The disciplines whose steps leave tables."""
_GIVEN = {True: "answered", False: "passed on to a person"}
_AROUND = timedelta(seconds=2)
"""An identifier tells its moment to the millisecond; the log is searched this far around it."""


class WhyPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered, as it was logged, and what really happened."""

    id: str
    at: datetime
    release: str
    model: str
    """Its digest."""
    keys: dict[str, Any]
    fields: dict[str, Any]
    features: list[float | None]
    """In the order of the model's manifest."""
    score: float
    """Where the raw output is several numbers, the one that monitoring looks at."""
    scores: dict[str, float] | None = None
    """The numbers of a raw output of several, by what each is about."""
    decision: bool | float
    decided: str
    """In words."""
    latency_us: int
    reference: str | None
    shadow: list[dict[str, Any]]
    extra: dict[str, float | None] | None = None
    flags: list[str] | None = None
    """None where an earlier version logged it."""
    parts: dict[str, Any] | None = None
    """What went with the answer, by name; None where nothing did."""
    parts_said: dict[str, str] = {}
    """The same in words."""
    outcome: float | None
    """None while it is not known."""
    happened: str
    """In words."""


class WhyModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answered."""

    digest: str
    version: int
    candidate: str
    kind: str
    decides: str
    """How a score becomes a decision, in words."""
    signature: str
    training: dict[str, Any]
    inputs: dict[str, str]


class WhyRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that made the model."""

    id: str
    as_of: datetime
    trigger: str
    status: str
    pins: dict[str, Any]


class UsedFeature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that the answer rested on."""

    name: str
    value: float | str | None
    """A text where it is a category, or is read as a text."""
    source_rows: int | None
    """Rows of its table that could be seen at that moment."""
    columns: list[str]
    table: str
    """And its version in the model's run."""
    contracts: dict[str, str]
    """Of the sources of the table: name and version to the contract's digest."""


class WhyView(msgspec.Struct, frozen=True, kw_only=True):
    """The walk from an answer back to the goal."""

    prediction: WhyPrediction
    release: Release
    model: WhyModel
    run: WhyRun
    features: list[UsedFeature]
    goal: dict[str, Any]
    seconds: float
    """That it took."""
    answer: WhyAnswer | msgspec.UnsetType = msgspec.UNSET
    """Of what answers questions."""
    reasons: list[Explained] | msgspec.UnsetType = msgspec.UNSET
    """What each feature added to the number that was decided by; none where the answer is not explained."""
    not_explained: str = ""
    """Why it is not."""
    instead: Instead | msgspec.UnsetType = msgspec.UNSET
    """What would have led to another decision, where that was asked for."""


def why_view(
    workspace: Workspace, prediction: str, *, counterfactual: bool = False, immutable: Sequence[str] = ()
) -> WhyView:
    """Walk back from a prediction.

    Args:
        workspace: The project's.
        prediction: Its id.
        counterfactual: Whether to look for what would have led to another decision.
        immutable: Features, or fields, that stay as they are in that.

    Raises:
        ProjectError: no such prediction, no such feature or field, or `immutable` and no counterfactual.
        SignatureError: the model's package is not what was signed.
    """
    started = time.perf_counter()
    if immutable and not counterfactual:
        raise ProjectError("what stays is said of a counterfactual", where="immutable", hint="--counterfactual")
    record = _find(workspace, prediction)
    with workspace.ledger.read() as connection:
        release = releases.get_release(connection, record["release"])
        model = models.get_model(connection, record["model"])
        (run,) = as_they_stand(workspace, [runs.get_run(connection, model.run)])
        used = [step for _, step in steps.steps_of(connection, run.id)]
        made = {step.name: step for step in used if step.discipline in _TABLES}  # a candidate may be called as a table
        goal = msgspec.json.decode(documents.get_document(connection, run.goal).body)
    package = workspace.open_model(model.digest)
    manifest = package.manifest
    form = manifest.outcomes
    happened = "not known yet" if record["outcome"] is None else form.said(record["outcome"])
    answered = manifest.model if isinstance(manifest.model, Pipeline) else None
    decided = form.said(record["decision"]) if answered is None else _GIVEN[record["decision"] > 0]
    words: dict[str, Any] = {"decided": decided[:1].upper() + decided[1:], "happened": happened}
    parts = record.get("parts") or None
    words |= {"parts": parts, "parts_said": _said(manifest, parts or {})}
    several = dict(zip(manifest.decision.names, record.get("scores") or (), strict=True)) or None
    return WhyView(
        prediction=msgspec.convert({**record, **words, "scores": several}, WhyPrediction),
        release=release,
        model=_describe_model(model, manifest),
        run=WhyRun(id=run.id, as_of=run.as_of, trigger=run.trigger, status=run.status, pins=run.pins),
        features=list(_features(workspace, record, manifest, made) if answered is None else _signals(record, manifest)),
        goal={**goal, "digest": run.goal},
        answer=msgspec.UNSET if answered is None else answer_of(workspace, record, answered, used),
        **({} if answered is not None else _explained(package, record)),
        instead=_instead(package, record, immutable) if counterfactual and answered is None else msgspec.UNSET,
        seconds=time.perf_counter() - started,
    )


def _explained(package: Package, record: dict[str, Any]) -> dict[str, Any]:
    """The reasons, from what was logged and what is packaged; or why there are none."""
    manifest = package.manifest
    if (lacks := lacks_reasons(manifest)) is not None:
        return {"reasons": [], "not_explained": lacks}
    score = record.get("scores") or record["score"]
    explainer, decided = explainer_of(package), record["decision"]
    row, fields = record["features"], record["fields"] or {}
    return {"reasons": reasons_of(manifest, explainer, row, fields, score=score, decision=decided)}


def _instead(package: Package, record: dict[str, Any], immutable: Sequence[str]) -> Instead:
    check_immutable(package.manifest, immutable)
    scorer, fields = package.scorer(threads=1), record["fields"] or {}
    said = spoken_of(package.manifest).said(fields)

    def score(matrix: Matrix) -> Scores:
        return scorer.score(matrix, None if said is None else np.repeat(said, len(matrix), axis=0))

    declared = [name for part in package.manifest.parts if isinstance(part, FeatureReasons) for name in part.immutable]
    return instead_of(package.manifest, score, record["features"], fields, fixed=[*immutable, *declared])


def _find(workspace: Workspace, prediction: str) -> dict[str, Any]:
    try:
        at = time_of(prediction)
    except ValueError as error:
        raise ProjectError(str(error), where="kreis why", hint="give the id that the service answered with") from error
    found = _find_in_lake(workspace, prediction, at) or _find_in_journal(workspace, prediction)
    if found is None:
        raise ProjectError(f"no prediction {prediction!r} is on record", where=str(workspace.folder))
    found["outcome"] = _outcome(workspace, found)
    return found


def _find_in_lake(workspace: Workspace, prediction: str, at: datetime) -> dict[str, Any] | None:
    if workspace.lake.latest(PREDICTIONS) is None:
        return None
    near = pl.col("at").is_between(at - _AROUND, at + _AROUND)
    log = workspace.lake.scan(PREDICTIONS, known_since=at - _AROUND, known_before=at + 2 * _AROUND)
    rows = log.filter(near & (pl.col("id") == prediction)).collect().to_dicts()
    if not rows:
        return None
    row = rows[0]
    for name in ("keys", "fields", "shadow", "extra", "parts"):
        row[name] = None if row.get(name) is None else msgspec.json.decode(row[name])
    return row


def _find_in_journal(workspace: Workspace, prediction: str) -> dict[str, Any] | None:
    """A prediction that has not been moved into the lake yet."""
    record = workspace.prediction_log.find(prediction)
    if record is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(record))
    if isinstance(record.score, Several):
        found |= {"score": record.score.kept, "scores": record.score.all}
    return {**found, "at": moment(record.at)}


def _said(manifest: Manifest, parts: dict[str, Any]) -> dict[str, str]:
    """What went with an answer, in words."""
    return {
        each.name: "could not be had" if parts[each.name] is None else each.said(parts[each.name])
        for each in manifest.parts
        if each.name in parts
    }


def _outcome(workspace: Workspace, record: dict[str, Any]) -> float | None:
    mine = {name: record[name] for name in ("id", "at", "reference")}
    asked = pl.LazyFrame([mine], schema={"id": pl.String, "at": pl.Datetime("us", "UTC"), "reference": pl.String})
    found: float | None = with_outcomes(asked, outcomes_known(workspace.lake, record["at"])).collect()["outcome"][0]
    return found


def _describe_model(model: Model, manifest: Manifest) -> WhyModel:
    return WhyModel(
        digest=model.digest,
        version=model.version,
        candidate=model.candidate,
        kind=str(manifest.model.__struct_config__.tag),
        decides=manifest.decision.said(manifest.outcome),
        signature="valid",
        training=manifest.training,
        inputs=manifest.inputs,
    )


def _features(
    workspace: Workspace, record: dict[str, Any], manifest: Manifest, made: dict[str, Step]
) -> Iterator[UsedFeature]:
    values = dict(zip(manifest.features, record["features"], strict=True))
    for name, texts in manifest.categories.items():
        known = {category(text): text for text in texts}
        values[name] = None if values[name] is None else known.get(values[name], "another category")
    for name, field in manifest.text_fields.items():
        values[name] = record["fields"].get(field)
    for view in manifest.views:
        used = [name for name in view.feature_names if name in values]
        if not used:
            continue
        counts = _source_rows(workspace, view, record, made)
        table, contracts = _origin(view.table, made)
        sources = lineage(view)
        for name, (_, window) in _definitions(view).items():
            if name in used:
                yield UsedFeature(
                    name=name,
                    value=values[name],
                    source_rows=counts.get(window),
                    columns=list(sources[name]),
                    table=table,
                    contracts=contracts,
                )
    for request_view in manifest.request_views:
        named = _columns_by_contract(workspace, request_view, made)
        for name, read in lineage(request_view).items():
            if name in values:
                held = {each: columns for each, columns in named.items() if not columns.isdisjoint(read)}
                yield UsedFeature(
                    name=name,
                    value=values[name],
                    source_rows=None,
                    columns=list(read),
                    table="the request",
                    contracts=dict(held.keys()),
                )


def _signals(record: dict[str, Any], manifest: Manifest) -> Iterator[UsedFeature]:
    """What was measured of an answer."""
    for name, value in zip(manifest.features, record["features"], strict=True):
        yield UsedFeature(name=name, value=value, source_rows=None, columns=[], table="the answer", contracts={})


def _columns_by_contract(
    workspace: Workspace, view: RequestView, made: dict[str, Step]
) -> dict[tuple[str, str], set[str]]:
    """The columns that the contracts of the spine's sources name, by source and contract: in training a field of a
    request is a column of the spine.
    """
    step = made.get(f"features {view.name}")
    if step is None:
        return {}
    spine = next(iter(step.inputs))
    found = {}
    for source, contract in _origin(spine, made)[1].items():
        with workspace.ledger.read() as connection:
            plain, table = msgspec.json.decode(documents.get_document(connection, contract).body)
        properties = next(each["properties"] for each in plain["schema"] if each["name"] == table)
        found[source, contract] = {each["name"] for each in properties}
    return found


def _definitions(view: FeatureView) -> dict[str, tuple[Expression, str]]:
    if not view.windows:
        return {f"{view.name}__{name}": (each, "") for name, each in view.features.items()}
    return {
        window_name(view.name, name, window): (each, window)
        for name, each in view.features.items()
        for window in view.windows
    }


def _source_rows(
    workspace: Workspace, view: FeatureView, record: dict[str, Any], made: dict[str, Step]
) -> dict[str, int]:
    """How many rows of the view's table could be seen at the moment of the prediction, per window.

    Read from the version that reaches farthest: rows are added, and `known at` says which were there by then.
    """
    table = LakeTable.from_document(made[view.table].outputs).table
    version = workspace.lake.farthest(table)
    if version is None:
        return {}
    at, event = record["at"], pl.col(view.event_time)
    seen = workspace.lake.scan(table, version.version).filter(
        (pl.col(view.entity) == record["keys"].get(view.entity))
        & (pl.col(view.known_at) <= at)
        & (event <= at)
        & (event > at - view.reach)
    )
    spans = view.windows or ("",)
    counted = seen.select(
        pl.len().clip(0, 1).alias(span) if not span else (event > at - parse_duration(span)).sum().alias(span)
        for span in spans
    ).collect()
    return {span: int(counted[span][0]) for span in spans}


def _origin(table: str, made: dict[str, Step]) -> tuple[str, dict[str, str]]:
    """A table's version in the model's run, and the contracts of the sources that it was made from."""
    contracts: dict[str, str] = {}
    waiting = [table]
    while waiting:
        step = made[waiting.pop()]
        if step.discipline == "collection":
            collected = CollectedSource.from_document(step.outputs)
            contracts[f"{step.name}@{collected.version}"] = collected.contract
        else:
            waiting.extend(name for name in step.inputs if name in made)
    found = LakeTable.from_document(made[table].outputs)
    return f"{found.table}@{found.version}", contracts
