"""The parts of a moment that are features by default."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from kreis import date_parts
from kreis.expressions.rows import compile_row
from kreis.preparation.request_features import request_features
from kreis.preparation.view_rules import request_view

MOMENTS = [datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), datetime(1969, 12, 28, tzinfo=UTC), None]


def test_the_parts_are_the_same_for_a_frame_and_a_request():
    view = request_view("row", fields={"at": "datetime"}, features=date_parts("at"))
    batch = request_features(pl.DataFrame({"at": MOMENTS}), view).to_numpy()
    compute = compile_row(view.features, view.fields)
    alone = [compute({"at": None if each is None else each.isoformat()}) for each in MOMENTS]
    assert np.array_equal(batch, alone, equal_nan=True)
    assert dict(zip(view.feature_names, batch[0], strict=True)) == {
        "row__at_year": 2024,
        "row__at_month": 2,
        "row__at_day": 29,
        "row__at_weekday": 4,
        "row__at_hour": 23,
    }


@pytest.mark.parametrize("hour", [True, False])
def test_a_date_has_no_hour_and_names_may_begin_otherwise(hour):
    parts = date_parts("Applied On", name="applied", hour=hour)
    assert list(parts) == [
        f"applied_{each}" for each in ("year", "month", "day", "weekday", *(("hour",) if hour else ()))
    ]
