"""Rows without Polars: what comes in, what counts as missing, and what stays unimported."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.expressions.tree import Call, Column
from kreis.expressions.windows import WindowAggregate, decompose, decompose_all

x, s, t = pl.col("x"), pl.col("s"), pl.col("t")
AT = datetime(2013, 3, 10, 7, 30, tzinfo=UTC)


def read(expr: pl.Expr) -> Any:
    return from_polars(expr, where="test")


def row(expr: pl.Expr, values: dict[str, Any], kinds: Any = None) -> float:
    return compile_row({"feature": read(expr)}, kinds)(values)[0]


def test_answering_imports_no_polars() -> None:
    code = (
        "import sys\n"
        "from kreis.expressions.tree import decode\n"
        "from kreis.expressions.rows import compile_row\n"
        "from kreis.expressions.windows import decompose\n"
        "tree = decode({'node': 'call', 'operation': 'exp', 'arguments': [{'node': 'column', 'name': 'x'}]})\n"
        "compile_row({'x': tree})({'x': 1.0})\n"
        "heavy = {'polars', 'pyarrow', 'pandas', 'sklearn', 'sqlalchemy', 'deltalake', 'lightgbm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nan_and_null_come_in_as_missing_and_go_out_as_nan() -> None:
    for missing in (None, math.nan, np.float64("nan")):
        assert math.isnan(row(x + 1, {"x": missing}))
        assert row(x.is_null(), {"x": missing}) == 1.0
        assert row(x > 0.3, {"x": missing}) != 1.0  # Polars puts NaN above every number
        assert row(x.fill_null(2.5), {"x": missing}) == 2.5


def test_nan_made_inside_is_not_null() -> None:
    assert math.isnan(row((x / 0).fill_null(1.0), {"x": 0.0}))
    assert row((x / 0).fill_nan(1.0), {"x": 0.0}) == 1.0


def test_a_declared_number_is_computed_as_one_even_if_sent_as_an_integer() -> None:
    assert math.isnan(row(x // 0, {"x": 3}, {"x": "integer"}))
    assert row(x // 0, {"x": 3}, {"x": "number"}) == math.inf
    assert row(x.fill_null(0.5) // 0, {"x": 3}, {"x": "integer"}) == math.inf


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("number", "3", TypeError),
        ("number", True, TypeError),
        ("number", 10**400, ValueError),
        ("integer", 2.5, ValueError),
        ("integer", 2**63, ValueError),
        ("integer", math.inf, ValueError),
        ("boolean", 1, TypeError),
        ("string", 3, TypeError),
        ("datetime", 2.5, TypeError),
        ("datetime", "yesterday", ValueError),
        ("datetime", 10**30, ValueError),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kind: Any, value: Any, error: type[Exception]) -> None:
    compute = compile_row({"feature": read(x.is_null())}, {"x": kind})
    with pytest.raises(error):
        compute({"x": value})


def test_a_moment_comes_as_datetime_text_or_microseconds() -> None:
    us = int(AT.timestamp()) * 1_000_000
    hour = t.dt.convert_time_zone("America/New_York").dt.hour()
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))
    for value in (AT, AT.replace(tzinfo=None), elsewhere, AT.isoformat(), "2013-03-10T07:30:00Z", us):
        assert row(hour, {"t": value}, {"t": "datetime"}) == 3.0  # clocks went from 2 to 3 half an hour before
        assert row(t.dt.hour(), {"t": value}, {"t": "datetime"}) == 7.0
    assert row(t.dt.hour(), {"t": elsewhere}) == 7.0
    with pytest.raises(ProjectError, match="does not take an integer"):
        row(hour, {"t": us}, {"t": "integer"})


def test_a_difference_over_a_change_of_clocks_counts_the_time_that_passed() -> None:
    zone = "America/New_York"
    passed = (pl.col("u").dt.convert_time_zone(zone) - t.dt.convert_time_zone(zone)).dt.total_minutes()
    values = {"t": AT - timedelta(hours=2), "u": AT}
    assert row(passed, values) == 120.0


def test_old_offsets_are_known_to_the_second() -> None:
    texts = ["1850-01-01T04:56:01Z", "1850-01-01T04:56:02Z", "1972-01-07T00:44:30Z"]
    frame = pl.DataFrame({"t": [datetime.fromisoformat(text) for text in texts]})
    for zone in ("America/New_York", "Africa/Monrovia", "Asia/Kathmandu"):
        tree = read(t.dt.convert_time_zone(zone).dt.minute())
        expected = frame.select(t.dt.convert_time_zone(zone).dt.minute())["t"].to_list()
        compute = compile_row({"m": tree})
        assert [compute(each)[0] for each in frame.to_dicts()] == expected


def test_a_duration_held_by_a_column_can_be_counted() -> None:
    tree = read(pl.col("d").dt.total_hours())
    spent = timedelta(hours=-5, minutes=-59)
    assert compile_row({"f": tree}, {"d": "duration"})({"d": spent}) == [-5.0]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ProjectError, match="unknown column 'x'") as caught:
        compile_row({"feature": read(x + 1)})({"xx": 1.0})
    assert "'xx'" in (caught.value.hint or "")


def test_a_feature_that_is_no_number_is_refused() -> None:
    with pytest.raises(ProjectError, match="this is a datetime"):
        compile_row({"t": Column("t")}, {"t": "datetime"})
    with pytest.raises(ProjectError, match="this is a string"):
        compile_row({"s": Column("s")}, {"s": "string"})
    with pytest.raises(TypeError, match="not str"):
        compile_row({"s": Column("s")})({"s": "a"})
    with pytest.raises(ProjectError, match="decompose"):
        compile_row({"x": read(x.mean())})


def test_texts_are_not_added_like_numbers() -> None:
    with pytest.raises(TypeError):
        row(x + x, {"x": "a"})
    with pytest.raises(TypeError):
        row(x & x, {"x": 3})


def test_an_unknown_time_zone_is_refused_when_compiled() -> None:
    for zone in ("Europe/Nowhere", "../../etc/passwd", "/etc/passwd", ""):
        tree = Call("hour", (Call("convert_time_zone", (Column("t"),), {"zone": zone}),))
        with pytest.raises(ProjectError, match="unknown time zone"):
            compile_row({"hour": tree})


def test_a_windowed_feature_parts_into_rows_aggregates_and_the_rest() -> None:
    parts = decompose(read((x > 1).sum() / pl.len() + (x > 1).sum()))
    assert parts.rows == (read(x > 1),)
    assert parts.aggregates == (WindowAggregate("sum", 0), WindowAggregate("len", None))
    assert compile_row({"f": parts.post})({"0": 2.0, "1": 4.0}) == [2.5]
    shared = decompose_all({"a": read(x.mean()), "b": read(x.std() * pl.col("y").last())})
    assert shared["a"].rows == shared["b"].rows == (Column("x"), Column("y"))
    with pytest.raises(ProjectError, match="does not aggregate"):
        decompose(read(x + 1))
