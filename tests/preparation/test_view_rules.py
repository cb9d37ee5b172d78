"""Views are checked where they are declared, and against the table once it is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.preparation.view_rules import check_view, feature_view, lineage, request_view

late = pl.col("late")
UTC = pl.Datetime("us", "UTC")
SCHEMA: dict[str, Any] = {
    "carrier": pl.String(),
    "scheduled": UTC,
    "arrived_at": UTC,
    "late": pl.Int8(),
    "delay": pl.Float32(),
}


def carrier(features: Any = None, windows: Any = ("24h", "7d"), **changes: Any) -> Any:
    given = {"entity": "carrier", "table": "arrivals", "event_time": "scheduled", "known_at": "arrived_at"}
    return feature_view("carrier", **{**given, **changes}, features=features or {"rate": late.mean()}, windows=windows)


def test_a_windowed_view_holds_trees_and_names_features_by_window() -> None:
    view = carrier({"rate": late.mean(), "flights": pl.len()})
    assert view.features["rate"] == from_polars(late.mean(), where="here")
    assert view.feature_names == (
        "carrier__flights_24h",
        "carrier__flights_7d",
        "carrier__rate_24h",
        "carrier__rate_7d",
    )
    check_view(view, SCHEMA)


def test_a_latest_view_needs_a_ttl_and_no_aggregate() -> None:
    view = carrier({"delay": pl.col("delay").clip(0, 60)}, windows=(), ttl="3h")
    check_view(view, SCHEMA)
    assert view.feature_names == ("carrier__delay",)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": {"late rate": late.mean()}}, "'late rate' is not a valid name"),
        ({"features": {"late__rate": late.mean()}}, "'late__rate' is not a valid name"),
        ({"features": {"rate": late}}, "must aggregate"),
        ({"features": {"rate": late.mean()}, "windows": ()}, "need a ttl"),
        ({"features": {"rate": late.mean()}, "windows": (), "ttl": "3h"}, "has no windows"),
        ({"ttl": "3h"}, "both windows and a ttl"),
        ({"windows": ("24h", "1d")}, "'24h' and '1d' are the same"),
        ({"windows": ("1w",)}, "'1w' is not a valid duration"),
        ({"windows": (24,)}, "int"),
        ({"entity": ""}, "entity is empty"),
        ({"features": {"rate": late.median()}}, "median is not on the allow-list"),
    ],
)
def test_a_wrong_declaration_is_refused_at_its_line(changes: Any, says: str) -> None:
    with pytest.raises(ProjectError, match=says) as caught:
        carrier(**changes)
    assert "feature view 'carrier'" in (caught.value.where or "")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("features", "changes", "says"),
    [
        ({"rate": pl.col("lat").mean()}, {}, "unknown column 'lat'"),
        ({"rate": pl.col("carrier").max()}, {}, "max does not take a string"),
        ({"rate": pl.col("carrier").count()}, {}, "a feature is a number, this is a string"),
        ({"rate": (late * (late > 3)).mean()}, {}, "multiply does not take a boolean"),
        ({"rate": pl.col("scheduled").last()}, {}, "does not take a datetime"),
        (None, {"known_at": "late"}, "'late' is Int8, not a moment"),
        (None, {"event_time": "schedule"}, "unknown column 'schedule'"),
    ],
)
def test_a_view_that_does_not_fit_its_table_is_refused(features: Any, changes: Any, says: str) -> None:
    with pytest.raises(ProjectError, match=says) as caught:
        check_view(carrier(features, **changes), SCHEMA)
    assert "feature view 'carrier'" in (caught.value.where or "")
    assert caught.value.hint


def test_a_request_view_takes_types_and_checks_them_at_once() -> None:
    local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
    view = request_view(
        "flight",
        fields={"scheduled": datetime, "origin": str, "distance": "number", "seats": int, "charter": bool},
        features={
            "hour": local.dt.hour(),
            "jfk": pl.col("origin") == "JFK",
            "distance": pl.col("distance").log1p(),
            "seats": pl.when(pl.col("charter")).then(0).otherwise(pl.col("seats")),
        },
    )
    assert view.fields["scheduled"] == "datetime"
    assert view.fields["charter"] == "boolean"
    assert lineage(view) == {
        "flight__hour": ("scheduled",),
        "flight__jfk": ("origin",),
        "flight__distance": ("distance",),
        "flight__seats": ("charter", "seats"),
    }


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (pl.col("distance").mean(), "a request is one row"),
        (pl.col("distanc").log(), "unknown column 'distanc'"),
        (pl.col("origin"), "this is a string"),
        (pl.col("origin") + 1, "add does not take a string"),
        (pl.col("distance").dt.hour(), "hour does not take a number"),
        (pl.col("distance").sort(), "sort is not on the allow-list"),
        (pl.col("distance").cast(pl.String), "text does not take a number"),
        (pl.when(pl.col("distance") > 1).then(pl.col("origin")).cast(pl.String), "a field as it comes"),
    ],
)
def test_a_request_feature_must_be_computable_from_one_row(feature: pl.Expr, says: str) -> None:
    with pytest.raises(ProjectError, match=says) as caught:
        request_view("flight", fields={"distance": float, "origin": str}, features={"x": feature})
    assert caught.value.where == "request view 'flight', feature 'x'"
    assert caught.value.hint


def test_texts_are_features_of_requests_alone() -> None:
    with pytest.raises(ProjectError, match="comes with a request"):
        carrier({"says": pl.col("carrier").cast(pl.String)}, windows=(), ttl="1d")
    view = request_view("note", fields={"says": str}, features={"words": pl.col("says").cast(pl.String)})
    assert (view.texts, view.categories) == ({"note__words": "says"}, {})


def test_a_field_of_an_unknown_type_is_refused() -> None:
    for given in (list, "strin", bytes):
        with pytest.raises(ProjectError, match="unknown type"):
            request_view("flight", fields={"origin": given}, features={"x": pl.col("origin") == "JFK"})  # type: ignore[dict-item]


def test_lineage_names_the_columns_that_decide_which_rows_count() -> None:
    assert lineage(carrier(windows=("24h",))) == {
        "carrier__rate_24h": ("arrived_at", "carrier", "late", "scheduled"),
    }
