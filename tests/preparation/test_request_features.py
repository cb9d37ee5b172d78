"""The batch path of a request view equals the row path."""

from __future__ import annotations

import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.rows import compile_row
from kreis.expressions.tree import Call, Column, Literal
from kreis.preparation.request_features import request_features
from kreis.preparation.views import RequestView

TRIP = RequestView(
    name="trip",
    fields={"miles": "number", "hub": "string"},
    features={
        "thousands": Call("divide", (Column("miles"), Literal(1000))),
        "from_jfk": Call("equal", (Column("hub"), Literal("JFK"))),
    },
)
ROWS = pl.DataFrame({"miles": [500, 1400, None, 2475], "hub": ["JFK", "EWR", None, "JFK"]})


def test_request_features_equal_those_of_the_row_path() -> None:
    batch = request_features(ROWS, TRIP)
    compute = compile_row(TRIP.features, TRIP.fields)
    rows = [compute(row) for row in ROWS.iter_rows(named=True)]
    assert batch.columns == list(TRIP.feature_names)
    assert pl.DataFrame(rows, schema=batch.schema, orient="row").equals(batch, null_equal=True)


def test_a_field_of_another_type_is_refused() -> None:
    with pytest.raises(ProjectError, match=r"'miles' is String, not number"):
        request_features(ROWS.with_columns(miles=pl.lit("far")), TRIP)


def test_a_field_without_a_column_names_the_nearest() -> None:
    with pytest.raises(ProjectError, match=r"request view 'trip'.*'miles'"):
        request_features(ROWS.rename({"miles": "mile"}), TRIP)
