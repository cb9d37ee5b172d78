"""A request view's features for the rows of a frame: the batch path of what the service computes for one request."""

from __future__ import annotations

import polars as pl

from kreis.errors import ProjectError
from kreis.expressions.to_polars import prepare, to_feature
from kreis.preparation.point_in_time import column_of
from kreis.preparation.views import FieldType, RequestView

__all__ = ["request_features"]

_DTYPES: dict[FieldType, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "datetime": pl.Datetime("us", "UTC"),
}


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
        raise ProjectError(f"a feature reads what is not a field: {error}", where=where, hint=hint) from error
