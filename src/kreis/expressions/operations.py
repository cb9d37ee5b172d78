"""Every operation that an expression may hold: one row each, which all that deals with expressions reads.

What is not here is refused (`checking`), computed neither by Polars (`to_polars`) nor row by row (`rows`), and not
read from Polars (`from_polars`). A new operation is a row here, with an example in the tests; if it has options, also
how they are read from Polars' JSON (`from_polars`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import add, attrgetter, floordiv, mod, mul, sub, truediv
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kreis.expressions import closures, scalars
from kreis.expressions.closures import Compute, of_options, of_values
from kreis.expressions.kinds import EVERY, MOMENT, NUMERIC, SPAN, TEXT, TRUTH, Kind

if TYPE_CHECKING:
    import polars as pl

__all__ = ["AGGREGATES", "OPERATIONS", "Operation", "finite", "short"]

Check = Callable[[Any], bool]
Gives = Kind | Callable[..., Kind | None] | None


class Operation(NamedTuple):
    """What an operation takes, what it gives, and how it is computed."""

    takes: frozenset[Kind]
    """The kinds of its arguments."""
    gives: Gives
    """The kind of its result, or a function of the options; None: the one that its arguments have together."""
    compute: Compute
    """Of a row: from the arguments' readers, and options by name, to the result's reader."""
    polars: Callable[..., pl.Expr]
    """Of a frame: from the arguments' expressions, and options by name."""
    written: tuple[str, ...]
    """Its names in the JSON of a Polars expression."""
    arguments: tuple[int, int] = (1, 1)
    """The least and the largest number of them."""
    options: Mapping[str, Check] = {}
    """The options, each with its check."""
    optional: frozenset[str] = frozenset()
    """Those that may be left out."""
    compares: bool = False
    """Whether its arguments are compared, and so must be comparable."""
    branches: int | None = None
    """From which argument on the result is one of them; they are then brought to one kind."""


def finite(value: Any) -> bool:
    """Whether it is a number that 64 bits hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and -(2**63) < value < 2**63


def short(value: Any) -> bool:
    """Whether it is a text of at most 1,000 characters."""
    return isinstance(value, str) and len(value) <= 1_000


def _exponent(value: Any) -> bool:
    """Integers keep integers whole, so they are bounded and not negative; floats are free."""
    return finite(value) and (isinstance(value, float) or 0 <= value <= 64)


def _decimals(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 15


def _separator(value: Any) -> bool:
    return short(value) and value != ""


def _one_of(*names: str) -> Check:
    return lambda value: isinstance(value, str) and value in names


def _unary(
    takes: frozenset[Kind], gives: Gives, scalar: Callable[[Any], Any], polars: Callable[..., Any], written: str
) -> Operation:
    return Operation(takes, gives, of_values(scalar), polars, (written,))


def _arithmetic(scalar: Callable[..., Any], polars: Callable[..., Any], written: str, gives: Gives = None) -> Operation:
    return Operation(NUMERIC, gives, of_values(scalar), polars, (written,), (2, 2))


def _comparison(scalar: Callable[..., Any], polars: Callable[..., Any], written: str) -> Operation:
    return Operation(EVERY, "boolean", of_values(scalar), polars, (written,), (2, 2), compares=True)


def _logic(compute: Compute, polars: Callable[..., Any], *written: str) -> Operation:
    return Operation(TRUTH, "boolean", compute, polars, written, (2, 2))


def _whether_null(is_null: bool) -> Compute:
    return lambda read: lambda row: (read(row) is None) is is_null


def _part(name: str, written: str, scalar: Callable[[Any], Any] | None = None) -> Operation:
    polars = attrgetter(f"dt.{name}")
    return _unary(MOMENT, "integer", scalar or attrgetter(name), lambda x: _whole(polars(x)()), written)


def _total(name: str, microseconds: int, written: str) -> Operation:
    polars = attrgetter(f"dt.{name}")
    return _unary(SPAN, "integer", scalars.total(microseconds), lambda x: polars(x)(), written)


def _search(make: Callable[..., Callable[[Any], Any]], polars: Callable[..., Any], written: str) -> Operation:
    return Operation(TEXT, "boolean", of_options(make), polars, (written,), options={"text": short})


def _choice(compute: Compute, polars: Callable[..., Any], written: str, least: int, most: int) -> Operation:
    return Operation(EVERY, None, compute, polars, (written,), (least, most), branches=0)


# What needs more of Polars than its operators: loaded only where Polars is


def _whole(x: pl.Expr) -> pl.Expr:
    import polars as pl

    return x.cast(pl.Int64)


def _named(name: str) -> Callable[..., pl.Expr]:
    """A function of Polars' module."""

    def build(*parts: pl.Expr) -> pl.Expr:
        import polars as pl

        built: pl.Expr = getattr(pl, name)(*parts)
        return built

    return build


def _cast(x: pl.Expr, to: str) -> pl.Expr:
    import polars as pl

    return x.cast({"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}[to], strict=False)


def _category(x: pl.Expr) -> pl.Expr:
    import polars as pl

    def numbered(column: pl.Series) -> pl.Series:
        texts = column.unique().drop_nulls()
        numbers = pl.Series([scalars.category(each) for each in texts], dtype=pl.Int64)
        return column.replace_strict(texts, numbers, default=None, return_dtype=pl.Int64)

    return x.map_batches(numbered, return_dtype=pl.Int64, is_elementwise=True)


def _choose(predicate: pl.Expr, then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(predicate).then(then).otherwise(otherwise)


def _typed(number: float) -> pl.Expr:
    import polars as pl

    return pl.lit(number, dtype=pl.Float64 if isinstance(number, float) else pl.Int64)


def _clip(x: pl.Expr, lower: float | None = None, upper: float | None = None) -> pl.Expr:
    if lower is None and upper is None:
        return x
    return x.clip(None if lower is None else _typed(lower), None if upper is None else _typed(upper))


def _is_in(x: pl.Expr, *constants: Any) -> pl.Expr:
    import polars as pl

    values = [each for each in constants if each is not None]
    return x.is_in(values) if values else pl.when(x.is_not_null()).then(pl.lit(False))


AGGREGATES: Final[dict[str, Callable[..., pl.Expr]]] = {
    # A boolean's sum is a UInt32 in Polars; times one, it is an Int64, and a float stays as it is.
    "sum": lambda x: (x * _typed(1)).sum(),
    "mean": lambda x: x.mean(),
    "min": lambda x: x.min(),
    "max": lambda x: x.max(),
    "count": lambda x: _whole(x.count()),
    "len": lambda: _whole(_named("len")()),
    "std": lambda x: x.std(),
    "last": lambda x: x.last(),
}
"""What makes one value of many rows, as Polars does it; `windows` does it over the rows of a window."""

OPERATIONS: Final[dict[str, Operation]] = {
    "add": _arithmetic(scalars.add, add, "Plus"),
    "subtract": _arithmetic(scalars.subtract, sub, "Minus"),
    "multiply": _arithmetic(scalars.multiply, mul, "Multiply"),
    "divide": _arithmetic(scalars.divide, truediv, "TrueDivide", "number"),
    "floor_divide": _arithmetic(scalars.floor_divide, floordiv, "FloorDivide"),
    "modulo": _arithmetic(scalars.modulo, mod, "Modulus"),
    "equal": _comparison(scalars.equal, lambda x, y: x == y, "Eq"),
    "not_equal": _comparison(scalars.not_equal, lambda x, y: x != y, "NotEq"),
    "less": _comparison(scalars.less, lambda x, y: x < y, "Lt"),
    "less_equal": _comparison(scalars.less_equal, lambda x, y: x <= y, "LtEq"),
    "greater": _comparison(scalars.greater, lambda x, y: x > y, "Gt"),
    "greater_equal": _comparison(scalars.greater_equal, lambda x, y: x >= y, "GtEq"),
    "and": _logic(closures.both, lambda x, y: x & y, "And", "LogicalAnd", "Boolean.AllHorizontal"),
    "or": _logic(closures.either, lambda x, y: x | y, "Or", "LogicalOr", "Boolean.AnyHorizontal"),
    "xor": _logic(of_values(scalars.exclusive_or), lambda x, y: x ^ y, "Xor"),
    "not": _unary(TRUTH, "boolean", scalars.negation, lambda x: ~x, "Boolean.Not"),
    "negate": _unary(NUMERIC, None, scalars.negate, lambda x: -x, "Negate"),
    "absolute": _unary(NUMERIC, None, scalars.absolute, lambda x: x.abs(), "Abs"),
    "floor": _unary(NUMERIC, None, scalars.floor, lambda x: x.floor(), "Floor"),
    "ceil": _unary(NUMERIC, None, scalars.ceil, lambda x: x.ceil(), "Ceil"),
    "sqrt": _unary(NUMERIC, "number", scalars.sqrt, lambda x: x.sqrt(), "Pow.Sqrt"),
    "exp": _unary(NUMERIC, "number", scalars.exp, lambda x: x.exp(), "Exp"),
    "log1p": _unary(NUMERIC, "number", scalars.log1p, lambda x: x.log1p(), "Log1p"),
    "sin": _unary(NUMERIC, "number", scalars.sin, lambda x: x.sin(), "Trigonometry.Sin"),
    "cos": _unary(NUMERIC, "number", scalars.cos, lambda x: x.cos(), "Trigonometry.Cos"),
    "power": Operation(
        NUMERIC,
        lambda exponent: "number" if isinstance(exponent, float) else None,
        of_options(scalars.power),
        lambda x, exponent: x.pow(_typed(exponent)),
        ("Pow.Generic",),
        options={"exponent": _exponent},
    ),
    "log": Operation(
        NUMERIC,
        "number",
        of_options(scalars.log_to),
        lambda x, base: x.log(float(base)),
        ("Log",),
        options={"base": lambda value: finite(value) and value > 0},
    ),
    "clip": Operation(
        NUMERIC,
        None,
        of_options(scalars.clip),
        _clip,
        ("Clip",),
        options={"lower": finite, "upper": finite},
        optional=frozenset({"lower", "upper"}),
    ),
    "round": Operation(
        NUMERIC,
        None,
        of_options(scalars.rounded),
        lambda x, decimals, mode: x.round(decimals, mode=mode),
        ("Round",),
        options={"decimals": _decimals, "mode": _one_of("half_to_even", "half_away_from_zero")},
    ),
    "cast": Operation(
        NUMERIC | TRUTH,
        lambda to: to,
        of_options(scalars.cast),
        _cast,
        (),
        options={"to": _one_of("number", "integer", "boolean")},
    ),
    "category": Operation(TEXT, "integer", of_values(scalars.category), _category, ()),
    "text": Operation(TEXT, "integer", of_values(scalars.category), _category, ()),
    "is_null": Operation(EVERY, "boolean", _whether_null(True), lambda x: x.is_null(), ("Boolean.IsNull",)),
    "is_not_null": Operation(EVERY, "boolean", _whether_null(False), lambda x: x.is_not_null(), ("Boolean.IsNotNull",)),
    "is_nan": _unary(NUMERIC, "boolean", scalars.is_nan, lambda x: x.is_nan(), "Boolean.IsNan"),
    "is_not_nan": _unary(NUMERIC, "boolean", scalars.is_not_nan, lambda x: x.is_not_nan(), "Boolean.IsNotNan"),
    "is_finite": _unary(NUMERIC, "boolean", scalars.is_finite, lambda x: x.is_finite(), "Boolean.IsFinite"),
    "is_infinite": _unary(NUMERIC, "boolean", scalars.is_infinite, lambda x: x.is_infinite(), "Boolean.IsInfinite"),
    "is_in": Operation(EVERY, "boolean", closures.member, _is_in, ("Boolean.IsIn",), (1, 1_000), compares=True),
    "is_between": Operation(
        EVERY,
        "boolean",
        closures.between,
        lambda x, lower, upper, closed: x.is_between(lower, upper, closed=closed),
        ("Boolean.IsBetween",),
        (3, 3),
        {"closed": _one_of("both", "left", "right", "none")},
        compares=True,
    ),
    "when": Operation(EVERY, None, closures.when, _choose, (), (3, 3), branches=1),
    "fill_null": _choice(closures.first_known, lambda x, y: x.fill_null(y), "FillNull", 2, 2),
    "coalesce": _choice(closures.first_known, _named("coalesce"), "Coalesce", 1, 64),
    "min_horizontal": _choice(closures.folded(scalars.lesser), _named("min_horizontal"), "MinHorizontal", 1, 64),
    "max_horizontal": _choice(closures.folded(scalars.larger), _named("max_horizontal"), "MaxHorizontal", 1, 64),
    "hour": _part("hour", "TemporalExpr.Hour"),
    "minute": _part("minute", "TemporalExpr.Minute"),
    "second": _part("second", "TemporalExpr.Second"),
    "weekday": _part("weekday", "TemporalExpr.WeekDay", lambda value: value.isoweekday()),
    "day": _part("day", "TemporalExpr.Day"),
    "month": _part("month", "TemporalExpr.Month"),
    "ordinal_day": _part("ordinal_day", "TemporalExpr.OrdinalDay", scalars.ordinal_day),
    "year": _part("year", "TemporalExpr.Year"),
    "convert_time_zone": Operation(
        MOMENT,
        lambda zone: "datetime" if zone == "UTC" else "local",
        of_options(scalars.to_zone),
        lambda x, zone: x.dt.convert_time_zone(zone),
        ("TemporalExpr.ConvertTimeZone",),
        options={"zone": short},
    ),
    "total_days": _total("total_days", 86_400_000_000, "TemporalExpr.TotalDays"),
    "total_hours": _total("total_hours", 3_600_000_000, "TemporalExpr.TotalHours"),
    "total_minutes": _total("total_minutes", 60_000_000, "TemporalExpr.TotalMinutes"),
    "total_seconds": _total("total_seconds", 1_000_000, "TemporalExpr.TotalSeconds"),
    "len_chars": _unary(TEXT, "integer", len, lambda x: _whole(x.str.len_chars()), "StringExpr.LenChars"),
    "starts_with": _search(scalars.starts_with, lambda x, text: x.str.starts_with(text), "StringExpr.StartsWith"),
    "ends_with": _search(scalars.ends_with, lambda x, text: x.str.ends_with(text), "StringExpr.EndsWith"),
    "contains": _search(scalars.contains, lambda x, text: x.str.contains(text, literal=True), "StringExpr.Contains"),
    "split_len": Operation(
        TEXT,
        "integer",
        of_options(scalars.split_len),
        lambda x, by: _whole(x.str.split(by).list.len()),
        ("ListExpr.Length",),
        options={"by": _separator},
    ),
    "split_contains": Operation(
        TEXT,
        "boolean",
        of_options(scalars.split_contains),
        lambda x, by, item: x.str.split(by).list.contains(item),
        ("ListExpr.Contains",),
        options={"by": _separator, "item": short},
    ),
}
