"""The allow-list: every operation that an expression may hold, and what each one takes.

A package is read by production, so `validate` trusts nothing: not the operation's name, the number of its
arguments, its options' names, types and ranges, nor the size of the tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from kreis.errors import ProjectError, nearest
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["AGGREGATES", "MAX_DEPTH", "MAX_NODES", "OPERATIONS", "Operation", "has_aggregate", "has_column", "validate"]

MAX_DEPTH: Final = 64
MAX_NODES: Final = 2_000
_INT64: Final = 2**63

AGGREGATES: Final = ("sum", "mean", "min", "max", "count", "len", "std", "last")

Check = Callable[[Any], bool]


class Operation(msgspec.Struct, frozen=True):
    """What an operation takes: the number of its arguments, and its options with a check of each."""

    least: int
    most: int
    required: dict[str, Check] = {}
    optional: dict[str, Check] = {}


def _finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and -_INT64 < value < _INT64


def _exponent(value: Any) -> bool:
    """Integers keep integers whole, so they are bounded and not negative; floats are free."""
    return _finite(value) and (isinstance(value, float) or 0 <= value <= 64)


def _decimals(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 15


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1_000


def _one_of(*names: str) -> Check:
    return lambda value: isinstance(value, str) and value in names


_ONE, _TWO, _MANY = Operation(1, 1), Operation(2, 2), Operation(1, 64)
_TEXT = Operation(1, 1, {"text": _text})

OPERATIONS: Final[dict[str, Operation]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "floor_divide", "modulo"), _TWO),
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), _TWO),
    **dict.fromkeys(("and", "or", "xor"), _TWO),
    **dict.fromkeys(("not", "negate", "absolute"), _ONE),
    **dict.fromkeys(("floor", "ceil", "sqrt", "exp", "log1p", "sin", "cos"), _ONE),
    **dict.fromkeys(("is_null", "is_not_null", "is_nan", "is_not_nan", "is_finite", "is_infinite"), _ONE),
    **dict.fromkeys(("hour", "minute", "second", "weekday", "day", "month", "ordinal_day", "year"), _ONE),
    **dict.fromkeys(("total_days", "total_hours", "total_minutes", "total_seconds", "len_chars"), _ONE),
    **dict.fromkeys(("starts_with", "ends_with", "contains"), _TEXT),
    **dict.fromkeys(("min_horizontal", "max_horizontal", "coalesce"), _MANY),
    "power": Operation(1, 1, {"exponent": _exponent}),
    "log": Operation(1, 1, {"base": lambda value: _finite(value) and value > 0}),
    "clip": Operation(1, 1, optional={"lower": _finite, "upper": _finite}),
    "round": Operation(1, 1, {"decimals": _decimals, "mode": _one_of("half_to_even", "half_away_from_zero")}),
    "cast": Operation(1, 1, {"to": _one_of("number", "integer", "boolean")}),
    "when": Operation(3, 3),
    "fill_null": _TWO,
    "is_in": Operation(1, 1_000),
    "is_between": Operation(3, 3, {"closed": _one_of("both", "left", "right", "none")}),
    "convert_time_zone": Operation(1, 1, {"zone": _text}),
}


def validate(expression: Expression, *, where: str | None = None) -> None:
    """Refuse whatever is not on the allow-list; every function that uses a tree calls it first.

    Checks each operation's name, arity and options, each literal, the depth (at most 64), the number of nodes
    (at most 2,000), that aggregates are not nested, and that no value of a row is mixed with one of many rows.

    Raises:
        ProjectError: the expression is not one that kreis computes.
    """
    waiting: list[tuple[Expression, int, bool]] = [(expression, 1, False)]
    nodes = 0
    while waiting:
        node, depth, inside = waiting.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            limit = f"{MAX_DEPTH} deep" if depth > MAX_DEPTH else f"{MAX_NODES} nodes"
            raise ProjectError(f"the expression is larger than {limit}", where=where, hint="compute parts in a table")
        if isinstance(node, Call):
            _check_call(node, where)
            waiting += [(argument, depth + 1, inside) for argument in node.arguments]
        elif isinstance(node, Aggregate):
            _check_aggregate(node, inside, where)
            if node.argument is not None:
                waiting.append((node.argument, depth + 1, True))
        elif isinstance(node, Literal):
            _check_literal(node, where)
        elif not isinstance(node, Column):
            raise ProjectError(f"{type(node).__name__} is no node of an expression", where=where)
    _shape(expression, where)


def has_aggregate(expression: Expression) -> bool:
    """Whether it makes one value of many rows."""
    if isinstance(expression, Call):
        return any(has_aggregate(argument) for argument in expression.arguments)
    return isinstance(expression, Aggregate)


def has_column(expression: Expression) -> bool:
    """Whether it reads a column or counts rows, that is: whether it is no constant."""
    if isinstance(expression, Call):
        return any(has_column(argument) for argument in expression.arguments)
    return not isinstance(expression, Literal)


def _check_call(node: Call, where: str | None) -> None:
    operation = OPERATIONS.get(node.operation)
    if operation is None:
        raise ProjectError.unknown_name("operation", node.operation, OPERATIONS, where=where)
    if not operation.least <= len(node.arguments) <= operation.most:
        raise ProjectError(
            f"{node.operation} takes {operation.least} to {operation.most} arguments, not {len(node.arguments)}",
            where=where,
        )
    checks = {**operation.required, **operation.optional}
    for name, value in node.options.items():
        if name not in checks:
            raise ProjectError(f"{node.operation} has no option {name!r}", where=where, hint=nearest(name, checks))
        if not checks[name](value):
            raise ProjectError(f"{node.operation} cannot take {name}={value!r}", where=where)
    missing = operation.required.keys() - node.options.keys()
    if missing:
        raise ProjectError(f"{node.operation} lacks its option {min(missing)!r}", where=where)
    if node.operation == "is_in" and not all(isinstance(each, Literal) for each in node.arguments[1:]):
        raise ProjectError("is_in takes constants only", where=where)
    if node.operation == "when" and has_column(node) and not has_column(node.arguments[0]):
        raise ProjectError("when() of a constant", where=where, hint="write the branch that it chooses")


def _check_aggregate(node: Aggregate, inside: bool, where: str | None) -> None:
    if node.operation not in AGGREGATES:
        raise ProjectError.unknown_name("aggregate", node.operation, AGGREGATES, where=where)
    if inside:
        raise ProjectError(
            f"{node.operation} stands inside another aggregate", where=where, hint="aggregate once; combine the results"
        )
    if node.argument is not None and not has_column(node.argument):
        raise ProjectError(f"{node.operation} of a constant", where=where, hint="aggregate a column, or write pl.len()")
    if (node.operation == "len") != (node.argument is None):
        raise ProjectError(f"{node.operation} takes {'no' if node.operation == 'len' else 'one'} argument", where=where)


def _check_literal(node: Literal, where: str | None) -> None:
    value = node.value
    if isinstance(value, float) and not math.isfinite(value):
        raise ProjectError("NaN and infinity are no constants", where=where, hint="write pl.lit(None) for missing")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ProjectError(f"{value} does not fit into 64 bits", where=where, hint="write it as a float")
    if isinstance(value, str) and not _text(value):
        raise ProjectError("a text constant is longer than 1,000 characters", where=where)


def _shape(expression: Expression, where: str | None) -> str:
    """ "constant", "row" (one value a row) or "many" (one value of many rows)."""
    if isinstance(expression, Literal):
        return "constant"
    if isinstance(expression, Column):
        return "row"
    if isinstance(expression, Aggregate):
        return "many"
    shapes = {_shape(argument, where) for argument in expression.arguments} - {"constant"}
    if len(shapes) > 1:
        raise ProjectError(
            f"{expression.operation} mixes a value of each row with an aggregate of many rows",
            where=where,
            hint="a row's feature must not depend on the other rows of a batch; compute it in a silver table",
        )
    return shapes.pop() if shapes else "constant"
