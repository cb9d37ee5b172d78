"""The training frame: each row with its features as of its own time, and an outcome that was known by then or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import polars as pl

from kreis.errors import ProjectError
from kreis.preparation.expressions.to_polars import prepare, to_feature
from kreis.preparation.point_in_time import column_of, join, times_of
from kreis.preparation.views import FeatureView, FieldType, RequestView

__all__ = ["request_features", "training_frame"]

_DTYPES: dict[FieldType, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "datetime": pl.Datetime("us", "UTC"),
}


def training_frame(
    spine: pl.DataFrame,
    views: Sequence[tuple[FeatureView, pl.DataFrame]],
    request_views: Sequence[RequestView] = (),
    *,
    time: str,
    outcome: str,
    outcome_known_at: str,
    as_of: datetime,
    unknown: Literal["drop", "null"] = "drop",
) -> pl.DataFrame:
    """Put together what a model may learn from at a moment.

    Args:
        spine: the rows, with each view's entity, the fields of the request views, `time`, `outcome` and
            `outcome_known_at`.
        views: each feature view with its table.
        request_views: features computed from the spine's own columns.
        time: the column with the moment at which each row is predicted.
        outcome: the column with what really happened.
        outcome_known_at: the column with the moment from which that is known.
        as_of: what lies, or became known, after it does not exist yet.
        unknown: what becomes of rows whose outcome is not known yet: dropped, or kept with a null outcome.

    Returns:
        The spine's columns, the features of the views and then those of the request views, in order; float64,
        missing as NaN.

    Raises:
        ProjectError: a column is missing or of an unsuitable type, or two features share a name.
    """
    if as_of.tzinfo is None:
        raise ProjectError(f"as_of={as_of} has no time zone", where="training frame", hint="use datetime.now(UTC)")
    column_of(spine, outcome, where="spine")
    for name in (time, outcome_known_at):
        times_of(spine, name, where="spine")
    happened = (pl.col(outcome_known_at) <= as_of) & (pl.col(time) <= as_of) & pl.col(outcome).is_not_null()
    if unknown == "drop":
        spine = spine.filter(happened)
    else:
        spine = spine.with_columns(pl.when(happened).then(pl.col(outcome)).alias(outcome))
    frame = join(spine, views, time=time)
    for view in request_views:
        features = request_features(spine, view)
        if clash := set(frame.columns).intersection(features.columns):
            raise ProjectError(f"the column {min(clash)!r} exists already", where=f"request view {view.name!r}")
        frame = frame.hstack(features)
    return frame


def request_features(frame: pl.DataFrame, view: RequestView) -> pl.DataFrame:
    """A request view's features for each row of a frame, float64, missing as NaN.

    Raises:
        ProjectError: a field's column is missing, or its values are not of the field's type.
    """
    where = f"request view {view.name!r}"
    columns = []
    for name, kind in view.fields.items():
        column = column_of(frame, name, where=where)
        try:
            columns.append(prepare(column.to_frame())[name].cast(_DTYPES[kind]))
        except pl.exceptions.PolarsError as error:
            raise ProjectError(f"the column {name!r} is {column.dtype}, not {kind}: {error}", where=where) from error
    rows = pl.DataFrame([pl.Series("row number", range(frame.height), dtype=pl.Int64), *columns])
    features = [to_feature(each).alias(f"{view.name}__{name}") for name, each in view.features.items()]
    try:
        return rows.select("row number", *features).drop("row number")
    except pl.exceptions.ColumnNotFoundError as error:
        hint = "known: " + ", ".join(view.fields)
        raise ProjectError(f"a feature reads what is no field: {error}", where=where, hint=hint) from error
