"""What is refused, and how it is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.expressions.to_polars import to_polars
from kreis.expressions.tree import Aggregate, Call, Column, Literal

x, y, s, t = pl.col("x"), pl.col("y"), pl.col("s"), pl.col("t")

REFUSED = {
    "map_elements": x.map_elements(lambda value: value, return_dtype=pl.Int64),
    "map_batches": x.map_batches(lambda series: series),
    "over": x.sum().over("s"),
    "rolling": x.rolling_mean(3),
    "rolling_…_by": x.rolling_mean_by("t", "1h"),
    "sort": x.sort(),
    "sort_by": x.sort_by("y"),
    "shift": x.shift(1),
    "diff": x.diff(),
    "cum_sum": x.cum_sum(),
    "rank": x.rank(),
    "first": x.first(),
    "var": x.var(),
    "median": x.median(),
    "quantile": x.quantile(0.9),
    "n_unique": x.n_unique(),
    "filter": x.filter(y > 1),
    "selection": pl.col("x", "y").sum(),
    "selection ": pl.all().sum(),
    "slice": x.head(2),
    "gather": x.get(0),
    "drop_nulls": x.drop_nulls().mean(),
    "fill_null": x.fill_null(strategy="forward"),
    "eq_missing": x.eq_missing(y),
    "str.strip_chars": s.str.strip_chars(),
    "str.to_lowercase": s.str.to_lowercase(),
    "str.to_uppercase": s.str.to_uppercase(),
    "regular expression": s.str.contains("a+"),
    "fractional": (t - t).dt.total_minutes(fractional=True),
    "dt.replace_time_zone": t.dt.replace_time_zone(None),
    "dt.truncate": t.dt.truncate("1h"),
    "moment as a constant": t > datetime(2013, 1, 1, tzinfo=UTC),
    "duration as a constant": pl.lit(timedelta(hours=1)),
    "cast to Binary": x.cast(pl.Binary),
    "cast to Float32": x.cast(pl.Float32),
    "cast to Int8": x.cast(pl.Int8),
    "cast to Datetime": x.cast(pl.Datetime("us")),
    "wraps around": x.cast(pl.Int64, wrap_numerical=True),
    "exponent must be a constant": x**y,
    "exponent of -1": x**-1,
    "base of log": x.log(y),
    "bound of clip": x.clip(0, y),
    "ddof=0": x.std(ddof=0),
    "nulls_equal": x.is_in([1], nulls_equal=True),
    "list of constants": x.is_in(y),
    "booleans, numbers or texts": t.is_in([datetime(2013, 1, 1, tzinfo=UTC)]),
    "NaN and infinity": x + float("nan"),
    "NaN and infinity ": x + float("inf"),
    "64 bits": x + 2**63,
    "gives inf": x + pl.lit(1) / 0,
    "mixes a value of each row": x - x.mean(),
    "inside another aggregate": x.mean().sum(),
    "of a constant": pl.lit(1).sum(),
    "last() of filtered rows": x.filter(y > 1).last(),
    "when() of a constant": pl.when(pl.lit(True)).then(x).otherwise(y),
    "element": pl.element(),
    "as_struct": pl.struct("x", "y"),
    "does not take a boolean": (x > 1) + (y > 1),
    "compares": (x > 1) == "JFK",
    "converts": pl.coalesce(t.dt.convert_time_zone("Europe/Berlin"), t).is_null(),
}


@pytest.mark.parametrize("says", REFUSED, ids=str)
def test_what_is_not_on_the_allow_list_is_refused_with_where_and_a_way_out(says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        from_polars(REFUSED[says], where="feature 'late'")
    assert caught.value.where == "feature 'late'"
    wanted = {"converts": "zone", "slice": "slice", "64 bits": "64 bits"}.get(says.strip(), says.strip())
    assert wanted in caught.value.message
    assert caught.value.hint


def test_python_code_never_reaches_the_tree() -> None:
    with pytest.raises(ProjectError, match="Python code") as caught:
        from_polars(
            x + pl.when(x > 1).then(y.map_elements(lambda value: hash((value, 1)), return_dtype=pl.Int64)),
            where="feature",
        )
    assert "cloudpickle" not in str(caught.value)


def test_something_else_than_an_expression_is_refused() -> None:
    with pytest.raises(ProjectError, match="not str"):
        from_polars("late", where="feature")  # type: ignore[arg-type]


def test_an_alias_is_left_out_wherever_it_stands() -> None:
    plain = from_polars(x.sum() + 1, where="feature")
    assert from_polars((x.alias("a").sum().alias("b") + 1).alias("c"), where="feature") == plain
    assert from_polars((x.sum() + 1).name.suffix("_x"), where="feature") == plain


def test_constants_are_folded() -> None:
    assert from_polars(x * (pl.lit(2) * 30 + 1), where="f") == Call("multiply", (Column("x"), Literal(61)))
    assert from_polars(x ** (-pl.lit(0.5)), where="f") == Call("power", (Column("x"),), {"exponent": -0.5})


def test_a_filter_inside_an_aggregate_becomes_a_condition() -> None:
    condition = Call("greater", (Column("y"), Literal(1)))
    only = Call("when", (condition, Column("x"), Literal(None)))
    assert from_polars(x.filter(y > 1).mean(), where="f") == Aggregate("mean", only)
    ones = Call("when", (condition, Literal(1), Literal(None)))
    assert from_polars(x.filter(y > 1).len(), where="f") == Aggregate("count", ones)


def test_lists_of_constants_lose_their_nulls() -> None:
    tree = from_polars(s.is_in(["JFK", None, "LGA"]), where="f")
    assert tree == Call("is_in", (Column("s"), Literal("JFK"), Literal("LGA")))
    assert from_polars(x.is_in(pl.Series([1, 2])), where="f") == from_polars(x.is_in((1, 2)), where="f")
    frame = pl.DataFrame({"x": [1, None]})
    assert frame.select(to_polars(from_polars(x.is_in([]), where="f")))["literal"].to_list() == [False, None]


def test_small_integers_do_not_wrap_around_as_they_do_in_polars() -> None:
    frame = pl.DataFrame({"t": [datetime(2013, 5, 1, 23, 10, tzinfo=UTC)]})
    expr = t.dt.hour() * 60 + t.dt.minute()
    assert frame.select(expr).item() == 110  # an Int8
    assert frame.select(to_polars(from_polars(expr, where="f"))).item() == 23 * 60 + 10
    fewer = pl.DataFrame({"x": [1], "y": [None]}, schema={"x": pl.Int64, "y": pl.Int64})
    assert fewer.select(y.count() - x.count()).item() == 2**32 - 1  # a UInt32
    assert fewer.select(to_polars(from_polars(y.count() - x.count(), where="f"))).item() == -1
