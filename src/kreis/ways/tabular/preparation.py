"""Preparation: silver and gold tables, then each feature view joined to the spine at its moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import polars as pl

from kreis.code import code_of
from kreis.collection.collecting import has_corrections
from kreis.errors import ProjectError
from kreis.formats import document_of
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.preparation.category_texts import category_texts
from kreis.preparation.leaks import PERFECT, strong_features
from kreis.preparation.point_in_time import join
from kreis.preparation.request_features import request_features
from kreis.preparation.spine import past_rows
from kreis.preparation.tables import Spine, Table, build
from kreis.preparation.view_rules import check_view
from kreis.preparation.views import FeatureView, RequestView
from kreis.project import Project
from kreis.texts import counted
from kreis.training.leaks.again import TWINS
from kreis.ways.results import BuiltTable, JoinedFeatures
from kreis.ways.tabular.feeding import feed_from_lake
from kreis.ways.tabular.rows import named_task, read_spine, scan, spine_of
from kreis.ways.tabular.state import TabularState

__all__ = ["perform"]


def perform(state: TabularState) -> Verdict:
    """Build what has changed, and nothing else; then let the service know it. Whether a new model comes of it or not,
    the one in service answers with the newest data.
    """
    project = state.project
    for table in project.ordered_tables():
        state.tables[table.name] = _build(state, table)
    spine = spine_of(state)
    found = state.tables[spine.table.name].output.found
    if found is None or found.rows == 0:
        return SendBack(
            to="collection",
            reason=f"the spine {spine.table.name!r} is empty as of {state.as_of:%Y-%m-%d}",
            detail={"warnings": [] if found is None else found.warnings},
        )
    _check_columns(state, spine)
    for view in project.views.values():
        state.features[view.name] = _join(state, spine, view)
    for request_view in project.request_views.values():
        state.features[request_view.name] = _compute_request_view(state, spine, request_view)
    perfect, suspects = _check_perfect(state)
    told = [] if state.memory.planning else [*_hidden_corrections(state), *feed_from_lake(state)]
    warnings = [*found.warnings, *suspects, *told]
    return Advance(
        summary=f"{counted(len(project.tables), 'table')}, {counted(len(project.feature_names), 'feature')} for"
        f" {counted(found.rows, 'row')} to predict; {found.summary}",
        detail={"rows": msgspec.to_builtins(found), "perfect_features": perfect, "warnings": warnings},
    )


def _check_columns(state: TabularState, spine: Spine) -> None:
    """What looks by columns of the spine; only now is it known which there are."""
    columns = state.tables[spine.table.name].output.columns
    for where, column in _columns_named(state.project, spine):
        if column not in columns:
            raise ProjectError.unknown_name("column of the spine", column, columns, where=where)
    state.project.check_overruled([*columns, TWINS])


def _columns_named(project: Project, spine: Spine) -> Iterator[tuple[str, str]]:
    """Who names a column of the spine, and which."""
    for guardrail in project.goal.guardrails:
        if guardrail.by is not None:
            yield f"Guardrail({guardrail.metric!r}, by={guardrail.by!r})", guardrail.by
    split = project.split_declaration
    if (parted_by := split.reads(spine)) is not None:
        yield f"{type(split).__name__}(by={parted_by!r})", parted_by
    mitigations = (each.preprocessing.mitigate for each in project.candidates.values())
    yield from ((type(each).__name__, name) for each in mitigations if each is not None for name in each.columns)
    for examination in project.examinations:
        by: str | Sequence[str] = getattr(examination, "by", None) or ()
        yield from ((type(examination).__name__, name) for name in ((by,) if isinstance(by, str) else by))


def _check_perfect(state: TabularState) -> tuple[dict[str, str], list[str]]:
    """Refuse features in use that predict the outcome perfectly, unless the user allowed them by name: the reasons
    for those go on record. Warn of those that nearly do, and of those without any value.
    """
    project = state.project
    used = {name for declared in project.candidates.values() for name in declared.uses(project.feature_names)}
    allowed = project.perfect_features
    suspects, word = [], project.goal.task.strength_is
    for view in project.all_views:
        suspects += [
            f"the feature {name!r} has no value in any row: it is missing, or infinite, everywhere"
            for name in state.features[view.name].output.empty
            if name in used
        ]
        for name, area in state.features[view.name].output.perfect.items():
            if name not in used or name in project.overruled_leaks:
                continue
            if area < PERFECT:
                suspects.append(
                    f"the feature {name!r} alone predicts the outcome very well ({word} {area:.3f}): make sure that it"
                    " is known at the moment of the decision, and not written down after it"
                )
            else:
                raise ProjectError(
                    f"the feature {name!r} predicts the outcome perfectly by itself ({word} {area:.4f}): as a rule it"
                    " is the outcome, or was written down after it",
                    where=f"view {view.name!r}",
                    hint="leave it out; if it is truly known at the moment of the decision,"
                    f' project.overrule_leak("{name}", because="…")',
                )
    return {name: because for name, because in allowed.items() if name in used}, suspects


def _hidden_corrections(state: TabularState) -> list[str]:
    """A warning for each feature view whose rows were corrected, and whose table gets only the last versions."""
    project, lake = state.project, state.workspace.lake
    corrected = {
        name
        for name, source in project.sources.items()
        if has_corrections(lake, source, state.sources[name].output.version)
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


def _store(state: TabularState, table: str, frame: pl.DataFrame, key: str, reason: str) -> dict[str, Any]:
    """Write a table; what its step leaves of it, in fields."""
    workspace = state.workspace
    version = workspace.lake.overwrite(
        table, frame, step=key, actor=workspace.actor, reason=reason, run=state.run, known_until=state.as_of
    )
    return {
        "table": version.table,
        "version": version.version,
        "fingerprint": version.fingerprint,
        "rows": version.rows,
        "columns": frame.columns,
    }


def _build(state: TabularState, table: Table) -> StepResult[BuiltTable]:
    spine = spine_of(state)

    def compute(key: str) -> BuiltTable:
        inputs = {name: scan(state, name, corrections=table.corrections) for name in table.inputs}
        frame = build(table, inputs, dropped=_dropped(state, table.inputs))
        if table is not spine.table:
            return BuiltTable(**_store(state, f"{table.layer}/{table.name}", frame, key, f"table {table.name}"))
        rows, found = past_rows(spine, frame, state.project.goal.task, as_of=state.as_of, inputs=inputs)
        return BuiltTable(**_store(state, f"{table.layer}/{table.name}", rows, key, f"table {table.name}"), found=found)

    return state.memory.step(
        "preparation",
        table.name,
        code=code_of(table.function, state.project.folder),
        parameters={"layer": table.layer, "as_of": state.moment}
        | ({"corrections": True} if table.corrections else {})
        | ({"spine": spine.parameters(), **named_task(state)} if table is spine.table else {}),
        inputs={name: state.version_of(name) for name in table.inputs},
        result=BuiltTable,
        compute=compute,
    )


def _dropped(state: TabularState, inputs: Iterable[str]) -> dict[str, str]:
    """The columns that the sources among some inputs give and their contracts do not name."""
    told: dict[str, str] = {}
    for source in [state.project.sources[name] for name in inputs if name in state.project.sources]:
        plan = source.contract.plan
        named = {column.name for column in plan.columns} | {column.source_name for column in plan.columns}
        for column in state.sources[source.name].output.came:
            if column not in named:
                told[column] = (
                    f"source {source.name!r} gives {column!r}, but {source.contract.file} does not name it, so it is"
                    " dropped: name it there, or set kreis.columns.extra: keep"
                )
    return told


def _join(state: TabularState, spine: Spine, view: FeatureView) -> StepResult[JoinedFeatures]:
    def features() -> pl.DataFrame:
        source = scan(state, view.table, corrections=True)
        check_view(view, dict(source.collect_schema()))
        rows = read_spine(state, view.entity, spine.time)
        return join(rows, [(view, source.collect())], time=spine.time).select(view.feature_names)

    def texts() -> dict[str, list[str]]:
        return category_texts(view, scan(state, view.table, corrections=True).collect())

    return _feature_step(state, spine, view, {view.table: state.version_of(view.table)}, features, texts)


def _compute_request_view(state: TabularState, spine: Spine, view: RequestView) -> StepResult[JoinedFeatures]:
    def features() -> pl.DataFrame:
        rows = read_spine(state)
        dropped = _dropped(state, state.project.sources)
        for name in [each for each in view.fields if each not in rows.columns and each in dropped]:
            raise ProjectError(
                f"the spine has no column {name!r}", where=f"request view {view.name!r}", hint=dropped[name]
            )
        check_view(view, dict(rows.schema))
        return request_features(rows, view)

    return _feature_step(state, spine, view, {}, features, lambda: category_texts(view, read_spine(state)))


def _feature_step(
    state: TabularState,
    spine: Spine,
    view: FeatureView | RequestView,
    inputs: dict[str, str],
    features: Callable[[], pl.DataFrame],
    texts: Callable[[], dict[str, list[str]]],
) -> StepResult[JoinedFeatures]:
    kind = "feature view" if isinstance(view, FeatureView) else "request view"

    def compute(key: str) -> JoinedFeatures:
        frame = features()
        return JoinedFeatures(
            **_store(state, f"gold/features_{view.name}", frame, key, f"{kind} {view.name}"),
            perfect=strong_features(
                frame,
                read_spine(state, spine.outcome)[spine.outcome],
                state.project.goal.task,
                categories=view.categories,
            ),
            empty=[each.name for each in frame if not each.is_finite().any()],
            categories=texts() if view.categories else {},
        )

    return state.memory.step(
        "preparation",
        f"features {view.name}",
        parameters={"view": document_of(view), "time": spine.time, "outcome": spine.outcome, **named_task(state)},
        inputs={spine.table.name: state.version_of(spine.table.name), **inputs},
        result=JoinedFeatures,
        compute=compute,
    )
