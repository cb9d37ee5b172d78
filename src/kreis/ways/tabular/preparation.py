"""Preparation: silver and gold tables, then each feature view joined to the spine at its moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import polars as pl
import polars.selectors as cs

from kreis.collection.collecting import has_corrections, read_bronze
from kreis.collection.sources import SUPERSEDED_AT
from kreis.deployment.manifest import Manifest
from kreis.errors import ProjectError
from kreis.formats import document_of
from kreis.loop.code import code_of
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.preparation.declare import check_view
from kreis.preparation.leaks import PERFECT, strong_features
from kreis.preparation.point_in_time import join
from kreis.preparation.request_features import request_features
from kreis.preparation.spine import SpineRows, past_rows
from kreis.preparation.tables import Spine, Table, build
from kreis.preparation.views import FeatureView, RequestView
from kreis.project import Project
from kreis.ways.tabular.feeding import feed_from_lake
from kreis.ways.tabular.state import Circle

__all__ = ["packaged_features", "perform", "read_features", "read_spine", "spine_of", "used_views"]


def perform(circle: Circle) -> Verdict:
    """Build what has changed, and nothing else; then let the service know it. Whether a new model comes of it or not,
    the one in service answers with the newest data.
    """
    project = circle.project
    for table in project.ordered_tables():
        circle.tables[table.name] = _build(circle, table)
    spine = spine_of(circle)
    found = msgspec.convert(circle.tables[spine.table.name].outputs["found"], SpineRows)
    if found.rows == 0:
        return SendBack(
            to="collection",
            reason=f"the spine {spine.table.name!r} is empty as of {circle.as_of:%Y-%m-%d}",
            detail={"warnings": found.warnings},
        )
    _check_groups(circle, spine)
    for view in project.views.values():
        circle.features[view.name] = _join(circle, spine, view)
    for request_view in project.request_views.values():
        circle.features[request_view.name] = _compute_request_view(circle, spine, request_view)
    perfect, suspects = _check_perfect(circle)
    told = feed_from_lake(circle)
    warnings = [*found.warnings, *suspects, *_hidden_corrections(circle), *told]
    return Advance(
        summary=f"{len(project.tables)} tables, {len(project.feature_names)} features for {found.rows:,} rows to"
        f" predict; {found.summary}",
        detail={"rows": msgspec.to_builtins(found), "perfect_features": perfect, "warnings": warnings},
    )


def _check_groups(circle: Circle, spine: Spine) -> None:
    """Guardrails look by columns of the spine; only now is it known which there are."""
    columns = circle.tables[spine.table.name].outputs["columns"]
    for guardrail in circle.project.goal.guardrails:
        if guardrail.by is not None and guardrail.by not in columns:
            where = f"Guardrail({guardrail.metric!r}, by={guardrail.by!r})"
            raise ProjectError.unknown_name("column of the spine", guardrail.by, columns, where=where)


def _check_perfect(circle: Circle) -> tuple[dict[str, str], list[str]]:
    """Refuse features in use that predict the outcome perfectly, unless the user allowed them by name: the reasons
    for those go on record. Warn of those that nearly do, and of those without any value.
    """
    project = circle.project
    used = {name for declared in project.candidates.values() for name in declared.uses(project.feature_names)}
    allowed = project.perfect_features
    suspects = []
    for view in project.all_views:
        suspects += [
            f"the feature {name!r} has no value in any row: it is missing, or infinite, everywhere"
            for name in circle.features[view.name].outputs.get("empty", [])
            if name in used
        ]
        for name, area in circle.features[view.name].outputs["perfect"].items():
            if name not in used or name in allowed:
                continue
            if area < PERFECT:
                suspects.append(
                    f"the feature {name!r} alone predicts the outcome very well (AUC {area:.3f}): make sure that it is"
                    " known at the moment of the decision, and not written down after it"
                )
            else:
                raise ProjectError(
                    f"the feature {name!r} predicts the outcome perfectly by itself (AUC {area:.4f}): as a rule it is"
                    " the outcome, or was written down after it",
                    where=f"view {view.name!r}",
                    hint="leave it out; if it is truly known at the moment of the decision,"
                    f' project.allow_perfect_feature("{name}", because="…")',
                )
    return {name: because for name, because in allowed.items() if name in used}, suspects


def spine_of(circle: Circle) -> Spine:
    """The project's spine."""
    spine = circle.project.spine_declaration
    if spine is None:
        raise ProjectError("no spine is declared", where=str(circle.project.folder))
    return spine


def read_spine(circle: Circle, *columns: str) -> pl.DataFrame:
    """The rows to predict as of the run's moment: some columns, or all."""
    frame = _scan(circle, spine_of(circle).table.name)
    return (frame.select(list(dict.fromkeys(columns))) if columns else frame).collect()


def read_features(circle: Circle, names: list[str]) -> pl.DataFrame:
    """The columns of some features, row for row aligned with the spine."""
    frames = []
    for view in circle.project.all_views:
        wanted = [name for name in view.feature_names if name in names]
        if wanted:
            outputs = circle.features[view.name].outputs
            frames.append(circle.workspace.lake.scan(outputs["table"], outputs["version"]).select(wanted).collect())
    return pl.concat(frames, how="horizontal").select(names) if frames else pl.DataFrame()


def packaged_features(circle: Circle, manifest: Manifest) -> pl.DataFrame:
    """The features that a packaged model reads, by its own definitions, row for row aligned with the spine.

    Where the project defines a view otherwise by now, the package's is computed; nothing is stored.

    Raises:
        ProjectError: a table or column that it reads is no longer there.
    """
    project, spine = circle.project, spine_of(circle)
    rows = read_spine(circle)
    frames = []
    for view in manifest.views:
        if project.views.get(view.name) == view:
            frames.append(read_features(circle, list(view.feature_names)))
        elif view.table in project.tables:
            source = _scan(circle, view.table, corrections=True).collect()
            frames.append(join(rows.select(view.entity, spine.time), [(view, source)], time=spine.time))
        else:
            raise ProjectError(
                f"the model in service reads the table {view.table!r}, which the project no longer declares",
                where=f"feature view {view.name!r}",
                hint="keep it until a model without it has replaced the one in service",
            )
    frames += [request_features(rows, view) for view in manifest.request_views]
    return pl.concat(
        [frame.select(cs.by_name(manifest.features, require_all=False)) for frame in frames], how="horizontal"
    ).select(manifest.features)


def used_views(project: Project, features: Iterable[str]) -> tuple[list[FeatureView], list[RequestView]]:
    """The views that provide some features."""
    used = set(features)
    return (
        [view for view in project.views.values() if used & set(view.feature_names)],
        [view for view in project.request_views.values() if used & set(view.feature_names)],
    )


def _scan(circle: Circle, name: str, *, corrections: bool = False) -> pl.LazyFrame:
    """A source or table; of rows that were corrected the version known last, or all with `superseded_at`."""
    outputs, lake = circle.tables[name].outputs, circle.workspace.lake
    if name in circle.project.sources:
        source = circle.project.sources[name]
        return read_bronze(lake, source, as_of=circle.as_of, version=outputs["version"], corrections=corrections)
    rows = lake.scan(outputs["table"], outputs["version"])
    if corrections or not circle.project.tables[name].corrections:
        return rows
    return rows.filter(pl.col(SUPERSEDED_AT).is_null()).drop(SUPERSEDED_AT)


def _hidden_corrections(circle: Circle) -> list[str]:
    """A warning for each feature view whose rows were corrected, and whose table gets only the last versions."""
    project, lake = circle.project, circle.workspace.lake
    corrected = {
        name
        for name, source in project.sources.items()
        if has_corrections(lake, source, circle.tables[name].outputs["version"])
    }
    for table in project.ordered_tables():
        if not table.corrections and corrected & set(table.inputs):
            corrected.add(table.name)
    return [
        f"feature view {view.name!r}: rows of {view.table!r} were corrected, and before its correction was known such a"
        " row is not seen; declare its table with corrections=True"
        for view in project.views.values()
        if view.table in corrected
    ]


def _store(circle: Circle, table: str, frame: pl.DataFrame, key: str, reason: str) -> dict[str, Any]:
    workspace = circle.workspace
    version = workspace.lake.overwrite(
        table, frame, step=key, actor=workspace.actor, reason=reason, run=circle.run, known_until=circle.as_of
    )
    return {
        "table": version.table,
        "version": version.version,
        "fingerprint": version.fingerprint,
        "rows": version.rows,
        "columns": frame.columns,
    }


def _build(circle: Circle, table: Table) -> StepResult:
    spine = spine_of(circle)

    def compute(key: str) -> dict[str, Any]:
        inputs = {name: _scan(circle, name, corrections=table.corrections) for name in table.inputs}
        frame = build(table, inputs, dropped=_dropped(circle, table.inputs))
        if table is not spine.table:
            return _store(circle, f"{table.layer}/{table.name}", frame, key, f"table {table.name}")
        rows, found = past_rows(spine, frame, as_of=circle.as_of, inputs=inputs)
        outputs = _store(circle, f"{table.layer}/{table.name}", rows, key, f"table {table.name}")
        return outputs | {"found": msgspec.to_builtins(found)}

    return circle.memory.step(
        "preparation",
        table.name,
        code=code_of(table.function, circle.project.folder),
        parameters={"layer": table.layer, "as_of": circle.moment}
        | ({"corrections": True} if table.corrections else {})
        | ({"spine": spine.parameters()} if table is spine.table else {}),
        inputs={name: circle.version_of(name) for name in table.inputs},
        compute=compute,
    )


def _dropped(circle: Circle, inputs: Iterable[str]) -> dict[str, str]:
    """The columns that the sources among some inputs give and their contracts do not name."""
    told: dict[str, str] = {}
    for source in [circle.project.sources[name] for name in inputs if name in circle.project.sources]:
        plan = source.contract.plan
        named = {column.name for column in plan.columns} | {column.source_name for column in plan.columns}
        for column in circle.tables[source.name].outputs["came"]:
            if column not in named:
                told[column] = (
                    f"source {source.name!r} gives {column!r}, but {source.contract.file} does not name it, so it is"
                    " dropped: name it there, or set kreis.columns.extra: keep"
                )
    return told


def _join(circle: Circle, spine: Spine, view: FeatureView) -> StepResult:
    def features() -> pl.DataFrame:
        source = _scan(circle, view.table, corrections=True)
        check_view(view, dict(source.collect_schema()))
        rows = read_spine(circle, view.entity, spine.time)
        return join(rows, [(view, source.collect())], time=spine.time).select(view.feature_names)

    return _feature_step(circle, spine, view, {view.table: circle.version_of(view.table)}, features)


def _compute_request_view(circle: Circle, spine: Spine, view: RequestView) -> StepResult:
    def features() -> pl.DataFrame:
        rows = read_spine(circle)
        dropped = _dropped(circle, circle.project.sources)
        for name in [each for each in view.fields if each not in rows.columns and each in dropped]:
            raise ProjectError(
                f"the spine has no column {name!r}", where=f"request view {view.name!r}", hint=dropped[name]
            )
        check_view(view, dict(rows.schema))
        return request_features(rows, view)

    return _feature_step(circle, spine, view, {}, features)


def _feature_step(
    circle: Circle,
    spine: Spine,
    view: FeatureView | RequestView,
    inputs: dict[str, str],
    features: Callable[[], pl.DataFrame],
) -> StepResult:
    kind = "feature view" if isinstance(view, FeatureView) else "request view"

    def compute(key: str) -> dict[str, Any]:
        frame = features()
        outputs = _store(circle, f"gold/features_{view.name}", frame, key, f"{kind} {view.name}")
        strong = strong_features(frame, read_spine(circle, spine.outcome)[spine.outcome])
        return outputs | {"perfect": strong, "empty": [each.name for each in frame if not each.is_finite().any()]}

    return circle.memory.step(
        "preparation",
        f"features {view.name}",
        parameters={"view": document_of(view), "time": spine.time, "outcome": spine.outcome},
        inputs={spine.table.name: circle.version_of(spine.table.name), **inputs},
        compute=compute,
    )
