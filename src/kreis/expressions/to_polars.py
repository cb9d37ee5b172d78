"""From kreis's tree back to Polars, for batches: the same values as the row path, whatever the batch's size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import polars as pl

from kreis.errors import ProjectError
from kreis.expressions.checking import validate
from kreis.expressions.kinds import Kind
from kreis.expressions.operations import AGGREGATES, OPERATIONS
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["kinds_of", "prepare", "to_feature", "to_polars"]

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_INEXACT: Final = ("add", "subtract", "divide", "floor_divide", "modulo")
_MIRRORED: Final = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}


def to_polars(expression: Expression) -> pl.Expr:
    """Build the Polars expression. Use it on a frame that went through `prepare`.

    Integers come out as Int64 and floats as Float64. A division by a constant is exact, as Polars has it for
    one row: on longer columns Polars 2.1 multiplies by the reciprocal (there 49.0 // 49 is 0).

    Raises:
        ProjectError: the expression is invalid.
    """
    validate(expression)
    return _build(expression)


def to_feature(expression: Expression) -> pl.Expr:
    """As `to_polars`, but Float64 with NaN for missing: a feature's value."""
    return to_polars(expression).cast(pl.Float64).fill_null(float("nan"))


def prepare(frame: Frame) -> Frame:
    """A frame as kreis computes with it: integers Int64, floats Float64 with null for NaN, moments µs in UTC.

    Decimals become Float64, categories and enums strings, dates and naive datetimes moments in UTC.

    Raises:
        ProjectError: a column holds moments in another zone.
    """
    schema = frame.collect_schema()
    changed = [change for name, dtype in schema.items() if (change := _prepared(name, dtype)) is not None]
    return frame.with_columns(changed) if changed else frame


def kinds_of(schema: Mapping[str, pl.DataType]) -> dict[str, Kind]:
    """The kinds of the columns that expressions can read, after `prepare`."""
    kinds: dict[str, Kind] = {}
    for name, dtype in pl.Schema(schema).items():
        if dtype.is_integer():
            kinds[name] = "integer"
        elif dtype.is_float() or dtype.is_decimal():
            kinds[name] = "number"
        elif isinstance(dtype, pl.Boolean):
            kinds[name] = "boolean"
        elif isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
            kinds[name] = "string"
        elif isinstance(dtype, pl.Datetime | pl.Date):
            kinds[name] = "datetime"
        elif isinstance(dtype, pl.Duration):
            kinds[name] = "duration"
        elif isinstance(dtype, pl.Null):
            kinds[name] = "null"
    return kinds


def _prepared(name: str, dtype: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if dtype.is_integer():
        return None if isinstance(dtype, pl.Int64) else column.cast(pl.Int64)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_decimal():
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Duration):
        return column.cast(pl.Duration("us"))
    if isinstance(dtype, pl.Date):
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone not in (None, "UTC"):
            raise ProjectError(
                f"column {name!r} holds moments in {dtype.time_zone}",
                hint="store them in UTC; write .dt.convert_time_zone(…) in the expression",
            )
        moments = column.cast(pl.Datetime("us", dtype.time_zone))
        return moments if dtype.time_zone else moments.dt.replace_time_zone("UTC")
    return None


def _build(node: Expression) -> pl.Expr:
    if isinstance(node, Column):
        return pl.col(node.name)
    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Aggregate):
        return AGGREGATES[node.operation](*([] if node.argument is None else [_build(node.argument)]))
    if OPERATIONS[node.operation].compares and isinstance(node.arguments[0], Literal):
        node = _turned(node)
    return OPERATIONS[node.operation].polars(*_arguments(node), **node.options)


def _arguments(node: Call) -> Iterable[Any]:
    if node.operation in _INEXACT:
        return _spread(node)
    if node.operation == "when":
        predicate = _build(node.arguments[0])
        return predicate, *(_branch(each, predicate) for each in node.arguments[1:])
    if node.operation == "is_in":
        return _build(node.arguments[0]), *(each.value for each in node.arguments[1:] if isinstance(each, Literal))
    return map(_build, node.arguments)


def _turned(node: Call) -> Call:
    """With a constant on the right: left of a when/then, Polars 2.1 may answer with one row for all."""
    value, *others = node.arguments
    if node.operation == "is_between":
        closed = node.options["closed"]
        above = Call("greater_equal" if closed in ("both", "left") else "greater", (value, others[0]))
        below = Call("less_equal" if closed in ("both", "right") else "less", (value, others[1]))
        return Call("and", (above, below))
    if node.operation == "is_in" or isinstance(others[0], Literal):
        return node
    return Call(_MIRRORED.get(node.operation, node.operation), (others[0], value))


def _branch(node: Expression, predicate: pl.Expr) -> pl.Expr:
    """A number as a column: else, chosen in every row, it goes on as a constant, with the shortcuts of `_spread`."""
    if not isinstance(node, Literal) or isinstance(node.value, bool | str) or node.value is None:
        return _build(node)
    nothing = predicate.is_null().cast(pl.Float64 if isinstance(node.value, float) else pl.Int64) * 0
    return _literal(node.value) - nothing if node.value != 0 else _signed_zero(node.value, nothing)


def _spread(node: Call) -> tuple[pl.Expr, pl.Expr]:
    """Both arguments, a constant as a column where Polars 2.1 would take a shortcut that is not exact.

    Between a column of several rows and a constant, it multiplies with the reciprocal in place of dividing, and
    leaves even -0.0 as it is when adding 0.0. Of one row, or between columns, it does what IEEE 754 says.
    """
    left, right = node.arguments
    x, y = _build(left), _build(right)
    if node.operation in ("add", "subtract"):
        x = _as_column(left.value, y) if isinstance(left, Literal) and left.value == 0 else x
        y = _as_column(right.value, x) if isinstance(right, Literal) and right.value == 0 else y
    elif isinstance(right, Literal) and isinstance(right.value, int | float) and not _has_exact_inverse(right.value):
        y = _as_column(right.value, x)
    return x, y


def _has_exact_inverse(number: float) -> bool:
    """Powers of two, and zero, whose inverse is infinite."""
    return abs(math.frexp(number)[0]) in (0.0, 0.5)


def _as_column(number: bool | int | float | str | None, beside: pl.Expr) -> pl.Expr:
    """The number in each row where `beside` is not null."""
    nothing = beside.is_null().cast(pl.Float64 if isinstance(number, float) else pl.Int64)
    if isinstance(number, int | float) and number == 0:
        return _signed_zero(number, nothing)
    return _literal(number) - nothing


def _signed_zero(number: float, zeros: pl.Expr) -> pl.Expr:
    return -zeros if math.copysign(1.0, number) < 0 else zeros


def _literal(value: bool | int | float | str | None) -> pl.Expr:
    if isinstance(value, bool) or value is None:
        return pl.lit(value)
    if isinstance(value, int):
        return pl.lit(value, dtype=pl.Int64)
    return pl.lit(value, dtype=pl.Float64) if isinstance(value, float) else pl.lit(value)
