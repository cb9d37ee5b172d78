"""One definition, everywhere: bare Polars on each row alone, Polars on the batch and the row path agree."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.expressions.to_polars import kinds_of, prepare, to_polars
from kreis.expressions.tree import decode, encode, fingerprint
from kreis.expressions.windows import WindowAggregate, decompose

SCHEMA = {
    "i": pl.Int64,
    "j": pl.Int64,
    "f": pl.Float64,
    "g": pl.Float64,
    "p": pl.Boolean,
    "q": pl.Boolean,
    "s": pl.String,
    "r": pl.String,
    "t": pl.Datetime("us", "UTC"),
    "u": pl.Datetime("us", "UTC"),
}
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]

_integers = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1), st.integers(-(10**6), 10**6))
_floats = st.one_of(st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 49.0]), st.floats(width=64))
_finite = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 0.1, 49.0, -3.0]), st.floats(-1e6, 1e6))
_texts = st.sampled_from(["", "JFK", "LGA", "straße", "Ü", "日本", "a", "JFK "])
_moments = st.datetimes(datetime(1970, 1, 1), datetime(2036, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_BY_COLUMN: dict[str, Any] = {
    **dict.fromkeys("ij", _integers),
    **dict.fromkeys("fg", _floats),
    **dict.fromkeys("pq", st.booleans()),
    **dict.fromkeys("sr", _texts),
    **dict.fromkeys("tu", _moments),
}


@st.composite
def frames(draw: Any, most: int = 5) -> pl.DataFrame:
    rows = draw(st.integers(0, most))
    data = {
        name: draw(st.lists(st.none() | values, min_size=rows, max_size=rows)) for name, values in _BY_COLUMN.items()
    }
    return pl.DataFrame(data, schema=SCHEMA)


def _int64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int64)


@st.composite
def integers(draw: Any, depth: int) -> pl.Expr:  # noqa: C901
    if depth == 0:
        return draw(st.sampled_from([pl.col("i"), pl.col("j")]) | st.integers(-4, 4).map(_int64))
    x, y = integers(depth - 1), integers(depth - 1)
    form = draw(st.integers(0, 13))
    if form < 5:
        a, b = draw(x), draw(y)
        return [a + b, a - b, a * b, a // b, a % b][form]
    if form == 5:
        return draw(x) ** draw(st.integers(0, 6))
    if form == 6:
        part = draw(st.sampled_from(["hour", "minute", "second", "weekday", "day", "month", "ordinal_day", "year"]))
        return getattr(draw(moments()).dt, part)().cast(pl.Int64)
    if form == 7:
        part = draw(st.sampled_from(["total_days", "total_hours", "total_minutes", "total_seconds"]))
        return getattr((pl.col("t") - pl.col("u")).dt, part)()
    if form == 8:
        return draw(st.sampled_from([pl.col("s"), pl.col("r")])).str.len_chars().cast(pl.Int64)
    if form == 9:
        return draw(st.one_of(numbers(depth - 1), booleans(depth - 1))).cast(pl.Int64, strict=False)
    if form == 10:
        return pl.when(draw(booleans(depth - 1))).then(draw(x)).otherwise(draw(y))
    if form == 11:
        return draw(st.sampled_from([pl.coalesce, pl.min_horizontal, pl.max_horizontal]))(draw(x), draw(y))
    if form == 12:
        return draw(x).clip(draw(st.integers(-3, 3)), draw(st.none() | st.integers(2, 9)))
    return draw(st.sampled_from([lambda e: -e, lambda e: e.abs(), lambda e: e.floor(), lambda e: e.round(1)]))(draw(x))


@st.composite
def moments(draw: Any) -> pl.Expr:
    column = draw(st.sampled_from([pl.col("t"), pl.col("u"), pl.coalesce("t", "u")]))
    zone = draw(st.none() | st.sampled_from(ZONES))
    return column if zone is None else column.dt.convert_time_zone(zone)


@st.composite
def numbers(draw: Any, depth: int) -> pl.Expr:
    if depth == 0:
        return draw(st.sampled_from([pl.col("f"), pl.col("g")]) | _finite.map(lambda value: pl.lit(value)))
    x = numbers(depth - 1)
    form = draw(st.integers(0, 12))
    if form < 5:
        a = draw(x)
        b = draw(st.one_of(x, integers(depth - 1), _finite.map(pl.lit)))
        return [a + b, a - b, a * b, a // b, a % b][form]
    if form == 5:
        return draw(st.one_of(x, integers(depth - 1))) / draw(st.one_of(x, integers(depth - 1)))
    if form == 6:
        power = st.sampled_from([0.5, 2.0, 3.0, -1.0, 0.25, 1.7, 7.0, 12.0, -0.5])
        return draw(st.one_of(x.map(lambda e: e ** draw(st.integers(0, 12))), x.map(lambda e: e ** draw(power))))
    if form == 7:
        name = draw(st.sampled_from(["sqrt", "exp", "log", "log1p", "log10", "sin", "cos"]))
        return getattr(draw(st.one_of(x, integers(depth - 1))), name)()
    if form == 8:
        value, other = draw(x), draw(st.one_of(x, integers(depth - 1)))
        return pl.when(draw(booleans(depth - 1))).then(value).otherwise(other)
    if form == 9:
        function = draw(st.sampled_from([pl.coalesce, pl.min_horizontal, pl.max_horizontal]))
        return function(draw(st.one_of(x, integers(depth - 1))), draw(x))
    if form == 10:
        return draw(st.one_of(x, integers(depth - 1))).fill_null(draw(_finite))
    if form == 11:
        value = draw(x)
        bounds = draw(st.tuples(st.none() | _finite, st.none() | st.integers(-2, 9)))
        clipped = value if bounds == (None, None) else value.clip(*bounds)
        return draw(st.sampled_from([value.fill_nan(0.0), value.fill_nan(None), clipped]))
    value = draw(x)
    decimals = draw(st.integers(0, 4))
    away = value.round(decimals, mode="half_away_from_zero")
    return draw(st.sampled_from([-value, value.abs(), value.floor(), value.ceil(), value.round(decimals), away]))


@st.composite
def booleans(draw: Any, depth: int) -> pl.Expr:
    if depth == 0:
        return draw(st.sampled_from([pl.col("p"), pl.col("q")]))
    form = draw(st.integers(0, 9))
    x, y = st.one_of(numbers(depth - 1), integers(depth - 1)), booleans(depth - 1)
    if form < 3:
        pair = st.one_of(st.tuples(x, x), st.just((pl.col("s"), pl.col("r"))), st.just((pl.col("t"), pl.col("u"))))
        a, b = draw(pair)
        return draw(st.sampled_from([a == b, a != b, a < b, a <= b, a > b, a >= b]))
    if form < 5:
        a, b = draw(y), draw(y)
        return draw(st.sampled_from([a & b, a | b, a ^ b, ~a]))
    if form == 5:
        value = draw(st.one_of(x, st.sampled_from([pl.col("s"), pl.col("t"), pl.col("p")])))
        return draw(st.sampled_from([value.is_null(), value.is_not_null()]))
    if form == 6:
        value = draw(x)
        return draw(st.sampled_from([value.is_nan(), value.is_not_nan(), value.is_finite(), value.is_infinite()]))
    if form == 7:
        text = st.lists(st.none() | _texts, max_size=3, min_size=1).map(lambda each: pl.col("s").is_in(each))
        whole = st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(lambda each: pl.col("i").is_in(each))
        return draw(st.one_of(text, whole))
    if form == 8:
        closed = draw(st.sampled_from(["both", "left", "right", "none"]))
        return draw(x).is_between(draw(x), draw(x), closed=closed)
    text = draw(_texts)
    s = pl.col("s").str
    return draw(st.sampled_from([s.starts_with(text), s.ends_with(text), s.contains(text, literal=True)]))


def rows_of(expressions: Any, depth: int = 3) -> Any:
    return st.integers(1, depth).flatmap(expressions)


def features(depth: int = 3) -> Any:
    return st.one_of(rows_of(numbers, depth), rows_of(integers, depth), rows_of(booleans, depth))


def same(left: float | None, right: float | None) -> bool:
    """Bit for bit, or both missing."""
    a, b = (math.nan if each is None else float(each) for each in (left, right))
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def close(left: float | None, right: float | None, scale: float = 1.0) -> bool:
    a, b = (math.nan if each is None else float(each) for each in (left, right))
    return same(left, right) or a == b or abs(a - b) <= 1e-12 * max(abs(a), abs(b), scale)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(features(), frames())
def test_all_paths_give_the_same_values(expr: pl.Expr, frame: pl.DataFrame) -> None:
    frame = prepare(frame)
    try:
        tree = from_polars(expr, where="test")
    except ProjectError as error:
        assert "constant" in error.message  # noqa: PT017
        return
    alone = [frame[k : k + 1].select(x=expr.cast(pl.Float64))["x"][0] for k in range(len(frame))]
    batch = frame.with_columns(x=to_polars(tree).cast(pl.Float64))["x"].to_list()
    compute = compile_row({"x": tree}, kinds_of(frame.schema))
    rows = [compute(row)[0] for row in frame.to_dicts()]
    assert all(map(same, alone, batch)), (str(expr), alone, batch)
    assert all(map(same, alone, rows)), (str(expr), alone, rows)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(features())
def test_the_document_gives_back_the_expression_and_its_fingerprint(expr: pl.Expr) -> None:
    try:
        tree = from_polars(expr, where="test")
    except ProjectError:
        return
    again = decode(encode(tree))
    assert again == tree
    assert fingerprint(again) == fingerprint(tree) == fingerprint(from_polars(expr.alias("x"), where="test"))


@st.composite
def aggregations(draw: Any) -> pl.Expr:
    tame = st.one_of(
        st.sampled_from([pl.col("i"), pl.col("f"), pl.col("p"), pl.col("f") > 0.5, pl.col("s") == "JFK"]),
        st.just(pl.when(pl.col("p")).then(pl.col("f"))),
    )
    name = draw(st.sampled_from(["sum", "mean", "min", "max", "count", "len", "std", "last"]))
    value = draw(tame)
    if name != "last" and draw(st.booleans()):
        value = value.filter(draw(booleans(1)))
    found = getattr(value, name)()
    form = draw(st.integers(0, 3))
    if form == 0:
        return found.cast(pl.Float64)
    if form == 1:
        return found.cast(pl.Float64) / pl.len()
    if form == 2:
        return found.cast(pl.Float64).fill_null(-1)
    return found.cast(pl.Float64) > 0.5


_TAME = {
    **_BY_COLUMN,
    **dict.fromkeys("ij", st.integers(-1000, 1000)),
    **dict.fromkeys("fg", st.floats(-1e3, 1e3).map(lambda value: value + 0.0)),
}


@st.composite
def tame_frames(draw: Any) -> pl.DataFrame:
    rows = draw(st.integers(0, 12))
    return pl.DataFrame(
        {name: draw(st.lists(st.none() | each, min_size=rows, max_size=rows)) for name, each in _TAME.items()},
        schema=SCHEMA,
    )


def aggregated(aggregate: WindowAggregate, rows: list[pl.Series], length: int) -> float:
    """A window over the whole frame, of row values in which NaN is missing; null comes out as NaN."""
    if aggregate.row is None:
        return float(length)
    values = rows[aggregate.row]
    known = values if aggregate.operation == "last" else values.drop_nans()
    if aggregate.operation == "last":
        found = known[-1] if len(known) else None
    else:
        found = getattr(known, aggregate.operation)()
    return math.nan if found is None else float(found)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(aggregations(), tame_frames())
def test_aggregates_agree_whole_and_decomposed(expr: pl.Expr, frame: pl.DataFrame) -> None:
    try:
        tree = from_polars(expr, where="test")
    except ProjectError as error:
        assert "constant" in error.message  # noqa: PT017
        return
    plain = frame.select(x=expr.cast(pl.Float64))["x"][0]
    built = frame.select(x=to_polars(tree).cast(pl.Float64))["x"][0]
    split = decompose(tree)
    rows = [frame.with_columns(x=to_polars(row).cast(pl.Float64))["x"].fill_null(math.nan) for row in split.rows]
    values = {str(k): aggregated(each, rows, len(frame)) for k, each in enumerate(split.aggregates)}
    online = compile_row({"x": split.post})(values)[0]
    assert close(plain, built, 1e3), (str(expr), plain, built)
    assert close(plain, online, 1e3), (str(expr), plain, online)


def test_a_constant_compared_with_a_choice_that_chose_nothing_answers_each_row() -> None:
    frame = pl.DataFrame({"p": [False, None], "f": [1.0, 2.0]})
    chosen = pl.when(pl.col("p")).then(pl.col("f")).otherwise(0.0)
    for expr in (pl.lit(0.0) == chosen, pl.lit(1.0) < chosen, pl.lit(0.0).is_between(chosen, 2.0)):
        assert frame.with_columns(x=to_polars(from_polars(expr, where="test")))["x"].len() == 2


def test_a_choice_that_falls_on_one_constant_everywhere_is_divided_by_exactly() -> None:
    frame = pl.DataFrame({"p": [False, None, False], "f": [49.0, 98.0, -0.0]})
    f = pl.col("f")
    for constant in (49, 49.0, 0.0, -0.0, 0):
        chosen = pl.when(pl.col("p")).then(f).otherwise(constant)
        for expr in (f // chosen, f / chosen, f % chosen, f + chosen, f - chosen, chosen - f):
            tree = from_polars(expr, where="test")
            alone = [frame[k : k + 1].select(x=expr)["x"][0] for k in range(3)]
            assert all(map(same, alone, frame.with_columns(x=to_polars(tree))["x"])), (str(expr), alone)
            rows = [compile_row({"x": tree})(row)[0] for row in frame.to_dicts()]
            assert all(map(same, alone, rows)), (str(expr), alone, rows)


def test_adding_zero_to_minus_zero_does_not_depend_on_how_many_rows_a_batch_has() -> None:
    frame = pl.DataFrame({"f": [-0.0, 0.0, 1.0, None], "i": [0, -1, None, 2]})
    f, i = pl.col("f"), pl.col("i")
    for expr in (f + 0.0, f + 0, 0.0 + f, f - 0.0, 0.0 - f, 0 - f, pl.lit(-0.0) - f, f + pl.lit(-0.0), i + 0.0, 0 - i):
        tree = from_polars(expr, where="test")
        alone = [frame[k : k + 1].select(x=expr.cast(pl.Float64))["x"][0] for k in range(4)]
        batch = frame.with_columns(x=to_polars(tree).cast(pl.Float64))["x"].to_list()
        assert all(map(same, alone, batch)), (str(expr), alone, batch)
        assert all(map(same, alone, [compile_row({"x": tree})(row)[0] for row in frame.to_dicts()])), str(expr)


@given(st.integers(2, 40), st.sampled_from([49, 3, 7, 2.5, 0.7, 0.1, -3.0, 0, 0.0]))
@settings(max_examples=60)
def test_dividing_by_a_constant_does_not_depend_on_how_many_rows_a_batch_has(rows: int, by: float) -> None:
    frame = pl.DataFrame({"i": range(rows), "f": [0.7 * k for k in range(rows)], "w": [49.0 * k for k in range(rows)]})
    for name in ("i", "f", "w"):
        for expr in (pl.col(name) / by, pl.col(name) // by, pl.col(name) % by):
            tree = from_polars(expr, where="test")
            alone = [frame[k : k + 1].select(x=expr)["x"][0] for k in range(rows)]
            for most in (1, 2, rows):
                part = frame.head(most).with_columns(x=to_polars(tree))["x"].to_list()
                assert all(map(same, alone, part)), (str(expr), alone, part)
            compute = compile_row({"x": tree})
            assert all(map(same, alone, [compute(row)[0] for row in frame.to_dicts()])), str(expr)
