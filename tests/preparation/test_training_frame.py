from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.preparation.expressions.rows import compile_row
from kreis.preparation.expressions.tree import Aggregate, Call, Column, Literal
from kreis.preparation.training_frame import request_features, training_frame
from kreis.preparation.views import FeatureView, RequestView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

LATE = FeatureView(
    name="carrier",
    entity="carrier",
    table="arrivals",
    event_time="scheduled",
    known_at="arrived",
    features={"late_rate": Aggregate("mean", Column("late"))},
    windows=("24h",),
)
TRIP = RequestView(
    name="trip",
    fields={"miles": "number", "hub": "string"},
    features={
        "thousands": Call("divide", (Column("miles"), Literal(1000))),
        "from_jfk": Call("equal", (Column("hub"), Literal("JFK"))),
    },
)


@pytest.fixture
def arrivals() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "carrier": ["UA", "UA", "AA"],
            "scheduled": [NOON - 5 * HOUR, NOON - 2 * HOUR, NOON - 3 * HOUR],
            "arrived": [NOON - 4 * HOUR, NOON + HOUR, NOON - HOUR],
            "late": [True, False, False],
        }
    )


@pytest.fixture
def spine() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "carrier": ["UA", "UA", "AA", "ZZ"],
            "at": [NOON, NOON + 2 * HOUR, NOON, NOON],
            "miles": [500, 1400, None, 2475],
            "hub": ["JFK", "EWR", None, "JFK"],
            "late": [True, False, None, True],
            "arrived": [NOON + 4 * HOUR, NOON + 9 * HOUR, NOON + 3 * HOUR, NOON + 3 * HOUR],
        }
    )


def made(spine: pl.DataFrame, arrivals: pl.DataFrame, **options: object) -> pl.DataFrame:
    given = {"time": "at", "outcome": "late", "outcome_known_at": "arrived", "as_of": NOON + 5 * HOUR, **options}
    return training_frame(spine, [(LATE, arrivals)], [TRIP], **given)  # type: ignore[arg-type]


def test_rows_whose_outcome_is_not_known_are_dropped(spine: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    frame = made(spine, arrivals)
    assert frame["carrier"].to_list() == ["UA", "ZZ"]
    assert frame["late"].to_list() == [True, True]
    assert frame["carrier__late_rate_24h"].fill_nan(None).to_list() == [1.0, None]
    assert frame["trip__thousands"].to_list() == [0.5, 2.475]
    assert frame.columns[-3:] == ["carrier__late_rate_24h", "trip__from_jfk", "trip__thousands"]


def test_rows_whose_outcome_is_not_known_stay_with_a_null(spine: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    frame = made(spine, arrivals, unknown="null")
    assert frame["late"].to_list() == [True, None, None, True]
    assert frame["carrier__late_rate_24h"].fill_nan(None).to_list() == [1.0, 0.5, 0.0, None]


def test_what_became_known_after_as_of_changes_nothing(spine: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    later = arrivals.with_columns(late=pl.lit(True), arrived=pl.lit(NOON + 5 * HOUR + timedelta(microseconds=1)))
    assert made(spine, pl.concat([arrivals, later])).equals(made(spine, arrivals), null_equal=True)


def test_an_unknown_column_names_the_nearest(spine: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    with pytest.raises(ProjectError, match="did you mean 'late'"):
        made(spine, arrivals, outcome="lat")
    with pytest.raises(ProjectError, match=r"request view 'trip'.*'miles'"):
        made(spine.rename({"miles": "mile"}), arrivals)


def test_an_as_of_without_time_zone_is_refused(spine: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    with pytest.raises(ProjectError, match="time zone"):
        made(spine, arrivals, as_of=NOON.replace(tzinfo=None))


def test_request_features_equal_those_of_the_row_path(spine: pl.DataFrame) -> None:
    batch = request_features(spine, TRIP)
    compute = compile_row(TRIP.features, TRIP.fields)
    rows = [compute(row) for row in spine.iter_rows(named=True)]
    assert batch.columns == list(TRIP.feature_names)
    assert pl.DataFrame(rows, schema=batch.schema, orient="row").equals(batch, null_equal=True)


def test_a_field_of_another_type_is_refused(spine: pl.DataFrame) -> None:
    with pytest.raises(ProjectError, match=r"'miles' is String, not number"):
        request_features(spine.with_columns(miles=pl.lit("far")), TRIP)
