from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import Schema
from polars.testing import assert_frame_equal

from kreis.errors import ContractError
from kreis.lake.schema import compare, conform, from_delta, to_delta
from kreis.lake.store import Lake

BY: dict[str, Any] = {"step": "s", "actor": "ann", "reason": "test"}

KINDS = pl.DataFrame(
    {
        "flag": [True, None],
        "i8": pl.Series([1, None], dtype=pl.Int8),
        "i16": pl.Series([1, None], dtype=pl.Int16),
        "i32": pl.Series([1, None], dtype=pl.Int32),
        "i64": [2**62, None],
        "f32": pl.Series([1.5, None], dtype=pl.Float32),
        "f64": [float("nan"), None],
        "text": ["ü ", None],
        "bytes": [b"\0\xff", None],
        "day": [date(2013, 5, 1), None],
        "at": [datetime(2013, 5, 1, 1, 2, 3, 456789, tzinfo=UTC), None],
        "price": pl.Series([Decimal("12.34"), None], dtype=pl.Decimal(10, 2)),
        "lags": [[1.0, None], None],
        "nested": [[{"a": 1, "b": ["x"]}], None],
        "point": [{"x": 1.0, "y": None}, None],
    },
    schema_overrides={"point": pl.Struct({"x": pl.Float64, "y": pl.Float64})},
)


def test_every_kind_of_column_comes_back(lake: Lake, tmp_path: Path) -> None:
    lake.append("bronze/x", KINDS, **BY)
    assert_frame_equal(lake.scan("bronze/x").collect(), KINDS)
    assert_frame_equal(pl.scan_delta(str(tmp_path / "lake/bronze/x")).collect(), KINDS)


def test_schema_text_round_trip() -> None:
    assert from_delta(to_delta(KINDS.schema)) == KINDS.schema


def test_schema_text_is_what_delta_reads() -> None:
    assert Schema.from_json(to_delta(KINDS.schema)).to_json() == to_delta(KINDS.schema)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"fields":[{"name":"a","type":"variant"}]}', '{"fields":[{"a":1}]}'])
def test_a_text_that_is_no_schema_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a schema"):
        from_delta(text)


def test_conform_stores_what_delta_does_not_know_as_the_nearest_it_does() -> None:
    berlin = pl.Series([datetime(2013, 5, 1, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    frame = pl.DataFrame(
        {
            "u8": pl.Series([255], dtype=pl.UInt8),
            "u32": pl.Series([2**32 - 1], dtype=pl.UInt32),
            "u64": pl.Series([7], dtype=pl.UInt64),
            "category": pl.Series(["a"], dtype=pl.Categorical),
            "choice": pl.Series(["a"], dtype=pl.Enum(["a", "b"])),
            "berlin": berlin,
            "ms": berlin.dt.cast_time_unit("ms"),
            "ns": berlin.dt.cast_time_unit("ns"),
            "pair": pl.Series([[1, 2]], dtype=pl.Array(pl.UInt8, 2)),
        }
    )
    at = datetime(2013, 5, 1, tzinfo=UTC)
    stored = conform(frame, "bronze/x")
    assert stored.row(0) == (255, 2**32 - 1, 7, "a", "a", at, at, at, [1, 2])
    assert stored.schema["u8"] == pl.Int16
    assert stored.schema["category"] == pl.String
    assert stored.schema["ms"] == pl.Datetime("us", "UTC")
    assert stored.schema["pair"] == pl.List(pl.Int16)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pl.Series([timedelta(1)]), "total_seconds"),
        (pl.Series([time(1)]), "UTC datetime"),
        (pl.Series([None]), "only nulls"),
        (pl.Series([datetime(2013, 5, 1)]), "replace_time_zone"),  # noqa: DTZ001
        (pl.Series([object()], dtype=pl.Object), "Python objects"),
        (pl.Series([[timedelta(1)]]), "total_seconds"),
        (pl.Series([2**63], dtype=pl.UInt64), "does not fit Int64"),
        (pl.Series([1], dtype=pl.Int128), "cast"),
        (pl.Series([1]).cast(pl.Datetime("ns", "UTC")), "truncate"),
    ],
)
def test_columns_that_would_change_or_cannot_be_stored_are_refused(column: pl.Series, says: str) -> None:
    with pytest.raises(ContractError) as caught:
        conform(pl.DataFrame({"c": column}), "bronze/x")
    assert "'c'" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("names", [["a b"], ["a", "A"], [""], ["a=b"], []])
def test_column_names_that_delta_does_not_take_are_refused(names: list[str]) -> None:
    with pytest.raises(ContractError):
        conform(pl.DataFrame({name: [1] for name in names}), "bronze/x")


def test_compare_says_nothing_of_equal_schemas_in_another_order() -> None:
    assert not compare(pl.Schema({"a": pl.Int64, "b": pl.String}), pl.Schema({"b": pl.String, "a": pl.Int64}))
