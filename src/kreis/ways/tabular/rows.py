"""Rows and features of a run, read back for the disciplines: the spine, the views, and which rows may teach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import polars as pl
import polars.selectors as cs

from kreis.arrays import Codes, Floats
from kreis.clock import microseconds
from kreis.collection.collecting import read_bronze
from kreis.collection.sources import SUPERSEDED_AT
from kreis.deployment.manifest import Manifest
from kreis.errors import ProjectError
from kreis.expressions.scalars import category
from kreis.preparation.point_in_time import join
from kreis.preparation.request_features import request_features
from kreis.preparation.spine import teaches
from kreis.preparation.tables import Spine
from kreis.preparation.views import FeatureView, RequestView, text_fields
from kreis.project import Project
from kreis.training.data import TrainingData
from kreis.training.splits.split import Split
from kreis.ways.tabular.state import TabularState

__all__ = [
    "columns_to_judge_by",
    "inputs_of",
    "named_task",
    "packaged_features",
    "read_features",
    "read_rows",
    "read_spine",
    "rows_with",
    "scan",
    "spans_of",
    "spine_of",
    "split_rows",
    "used_views",
]

_AMONG = " ranked among"


def spine_of(state: TabularState) -> Spine:
    """The project's spine."""
    spine = state.project.spine_declaration
    if spine is None:
        hint = "a project that answers questions has documents, and no rows to predict"
        raise ProjectError("no spine is declared", where=str(state.project.folder), hint=hint)
    return spine


def scan(state: TabularState, name: str, *, corrections: bool = False) -> pl.LazyFrame:
    """A source or table; of rows that were corrected the version known last, or all with `superseded_at`."""
    table, lake = state.table(name), state.workspace.lake
    if name in state.project.sources:
        source = state.project.sources[name]
        return read_bronze(lake, source, as_of=state.as_of, version=table.version, corrections=corrections)
    rows = lake.scan(table.table, table.version)
    if corrections or not state.project.tables[name].corrections:
        return rows
    return rows.filter(pl.col(SUPERSEDED_AT).is_null()).drop(SUPERSEDED_AT)


def read_spine(state: TabularState, *columns: str) -> pl.DataFrame:
    """The rows to predict as of the run's moment: some columns, or all."""
    frame = scan(state, spine_of(state).table.name)
    return (frame.select(list(dict.fromkeys(columns))) if columns else frame).collect()


def read_features(state: TabularState, names: list[str]) -> pl.DataFrame:
    """The columns of some features, row for row aligned with the spine."""
    frames = []
    for view in state.project.all_views:
        wanted = [name for name in view.feature_names if name in names]
        if wanted:
            joined = state.features[view.name].output
            frames.append(state.workspace.lake.scan(joined.table, joined.version).select(wanted).collect())
    return pl.concat(frames, how="horizontal").select(names) if frames else pl.DataFrame()


def packaged_features(state: TabularState, manifest: Manifest) -> pl.DataFrame:
    """The features that a packaged model reads, by its own definitions, row for row aligned with the spine.

    Where the project defines a view otherwise by now, the package's is computed; nothing is stored.

    Raises:
        ProjectError: a table or column that it reads is no longer there.
    """
    project, spine = state.project, spine_of(state)
    rows = read_spine(state)
    frames = []
    for view in manifest.views:
        if project.views.get(view.name) == view:
            frames.append(read_features(state, list(view.feature_names)))
        elif view.table in project.tables:
            source = scan(state, view.table, corrections=True).collect()
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


def named_task(state: TabularState) -> dict[str, str]:
    """The task reads outcomes; it is part of a step's key where a goal names it."""
    named = state.project.goal.named
    return {} if named is None else {"task": named}


def inputs_of(state: TabularState, features: Iterable[str]) -> dict[str, str]:
    """The versions of the spine and of all that some features come from, as inputs of a step."""
    spine, used = spine_of(state).table.name, set(features)
    views = [each.name for each in state.project.all_views if used & set(each.feature_names)]
    found = {f"features {name}": state.features[name].output.fingerprint for name in views}
    return {spine: state.version_of(spine), **found}


def read_rows(state: TabularState, features: list[str]) -> TrainingData:
    """The rows that may teach and judge, with some features."""
    return rows_with(state, read_features(state, features))


def rows_with(state: TabularState, features: pl.DataFrame, *, texts: Mapping[str, str] | None = None) -> TrainingData:
    """The rows that may teach and judge, with features that are aligned with the spine.

    Args:
        state: Of the run.
        features: Of all rows of the spine.
        texts: Which of them are read as texts, and the column of the spine that each is; the project's if not given.
    """
    spine = spine_of(state)
    labels = state.project.split_declaration.reads(spine)
    if texts is None:
        texts = text_fields(state.project.request_views.values(), features.columns)
    within = state.project.goal.task.plain.within
    columns = columns_to_judge_by(state.project)
    more = [name for name in (labels, spine.weight, spine.group, within, *columns) if name is not None]
    frame = read_spine(state, spine.time, spine.outcome, spine.outcome_known_at, *more, *texts.values())
    group = spine.group
    if within is not None:  # rows are ranked with those of one moment, as the service ranks those of one request
        group = _AMONG
        frame = frame.with_columns(pl.format("{} {}", pl.col(spine.time).dt.epoch("us"), within).alias(_AMONG))
    return TrainingData.from_frame(
        frame.hstack(features).filter(teaches(spine, state.project.goal.task, state.as_of)),
        features=features.columns,
        outcome=spine.outcome,
        time=spine.time,
        known_at=spine.outcome_known_at,
        categories=_categories(state, features.columns),
        labels=labels,
        weight=spine.weight,
        group=group,
        known_only=state.project.goal.task.needs_outcomes,
        texts=texts,
        columns=columns,
    )


def columns_to_judge_by(project: Project) -> tuple[str, ...]:
    """Columns by which groups of people are told apart: those of `judge_by`, and what mitigations need.

    How far ahead a forecast is, is nobody's group.
    """
    spine = project.spine_declaration
    declared = [] if spine is None or spine.overlapping else [*spine.judge_by]
    fair = [each.preprocessing.mitigate for each in project.candidates.values()]
    declared += [name for each in fair if each is not None for name in each.columns]
    return tuple(dict.fromkeys(declared))


def _categories(state: TabularState, features: Iterable[str]) -> dict[str, dict[float, str]]:
    """Which features are categories, with the numbers and texts of each."""
    return {
        name: {float(category(text)): text for text in state.features[view.name].output.categories.get(name, [])}
        for view in state.project.all_views
        for name in view.categories
        if name in features
    }


def spans_of(state: TabularState, rows: TrainingData) -> Floats | None:
    """When each row was asked about and when it was over, where rows share what happens to them."""
    if not spine_of(state).overlapping:
        return None
    return np.column_stack([rows.time, rows.known_at]).astype(np.float64)


def split_rows(state: TabularState, rows: TrainingData) -> Split:
    """Split rows as declared; in time, the test part ends where rows are too young at the run's moment."""
    rule = state.project.split_declaration
    split = rule.split(
        rows.time,
        rows.known_at,
        rows.outcomes,
        task=state.project.goal.task,
        until=microseconds(state.as_of),
        horizon=spine_of(state).horizon,
        labels=rows.labels,
    )
    blocks = rule.blocks(rows.time, rows.labels)
    folds = tuple(_with_blocks(fold, blocks) for fold in split.folds)
    return msgspec.structs.replace(_with_blocks(split, blocks), folds=folds)


def _with_blocks(split: Split, blocks: Codes) -> Split:
    return msgspec.structs.replace(split, validation_blocks=blocks[split.validation])
