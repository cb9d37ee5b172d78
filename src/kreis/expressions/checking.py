"""Whether an expression is one that kreis computes, and what kind of value it gives.

A package is read by production, so `validate` trusts nothing: not the operation's name, the number of its
arguments, its options' names, types and ranges, nor the size of the tree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from kreis.errors import ProjectError, nearest
from kreis.expressions.kinds import NUMERIC, TRUTH, Kind, spoken, unify
from kreis.expressions.operations import AGGREGATES, OPERATIONS, short
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["MAX_DEPTH", "MAX_NODES", "has_aggregate", "has_column", "infer", "of_call", "validate"]

MAX_DEPTH: Final = 64
MAX_NODES: Final = 2_000


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
            raise ProjectError(f"{type(node).__name__} is not a node of an expression", where=where)
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
    least, most = operation.arguments
    if not least <= len(node.arguments) <= most:
        message = f"{node.operation} takes {least} to {most} arguments, not {len(node.arguments)}"
        raise ProjectError(message, where=where)
    checks = operation.options
    for name, value in node.options.items():
        if name not in checks:
            raise ProjectError(f"{node.operation} has no option {name!r}", where=where, hint=nearest(name, checks))
        if not checks[name](value):
            raise ProjectError(f"{node.operation} cannot take {name}={value!r}", where=where)
    missing = checks.keys() - operation.optional - node.options.keys()
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
        raise ProjectError("NaN and infinity are not constants", where=where, hint="write pl.lit(None) for missing")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ProjectError(f"{value} does not fit into 64 bits", where=where, hint="write it as a float")
    if isinstance(value, str) and not short(value):
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


def infer(expression: Expression, columns: Mapping[str, Kind], *, where: str | None = None) -> Kind:
    """The kind of an expression's values; a column that is not in `columns` is "any".

    Raises:
        ProjectError: an operation is given a kind that it does not take.
    """
    if isinstance(expression, Literal):
        return _of_constant(expression.value)
    if isinstance(expression, Column):
        return columns.get(expression.name, "any")
    if isinstance(expression, Aggregate):
        return _of_aggregate(expression, columns, where)
    return of_call(expression, [infer(each, columns, where=where) for each in expression.arguments], where)


def of_call(call: Call, kinds: list[Kind], where: str | None = None) -> Kind:
    """The kind of a call, from the kinds of its arguments.

    Raises:
        ProjectError: an operation is given a kind that it does not take.
    """
    name = call.operation
    if name == "subtract" and set(kinds) & {"datetime", "local", "duration"}:
        return _of_difference(kinds, where)
    operation = OPERATIONS[name]
    for kind in kinds:
        if kind not in operation.takes:
            raise ProjectError(f"{name} does not take {spoken(kind)}", where=where, hint=_hint(name, kind))
    if operation.compares:
        _comparable(name, kinds, where)
    if name == "when" and kinds[0] not in TRUTH:
        raise ProjectError(f"when() takes a boolean, not {spoken(kinds[0])}", where=where, hint="write a comparison")
    gives = operation.gives(**call.options) if callable(operation.gives) else operation.gives
    return gives or unify(name, kinds[operation.branches or 0 :], where)


def _of_constant(value: bool | int | float | str | None) -> Kind:
    kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return kinds[type(value)]


def _of_aggregate(node: Aggregate, columns: Mapping[str, Kind], where: str | None) -> Kind:
    if node.argument is None or node.operation == "count":
        return "integer"
    kind = infer(node.argument, columns, where=where)
    if kind not in NUMERIC | TRUTH:
        raise ProjectError(
            f"{node.operation} does not take {spoken(kind)}", where=where, hint="aggregate numbers or booleans"
        )
    if node.operation in ("mean", "std"):
        return "number"
    return "integer" if node.operation == "sum" and kind == "boolean" else kind


def _of_difference(kinds: list[Kind], where: str | None) -> Kind:
    if set(kinds) <= {"datetime", "local", "null", "any"}:
        if set(kinds) == {"datetime", "local"}:
            raise ProjectError(
                "subtract takes two times of one zone", where=where, hint="leave the zone conversion out"
            )
        return "duration"
    raise ProjectError(
        f"subtract does not take {' and '.join(kinds)}", where=where, hint="take the total minutes first"
    )


def _comparable(name: str, kinds: list[Kind], where: str | None) -> None:
    known = set(kinds) - {"any", "null"}
    if known <= {"boolean", "integer", "number"} or len(known) == 1:
        return
    raise ProjectError(f"{name} compares {' with '.join(sorted(known))}", where=where, hint="cast one of them")


def _hint(name: str, kind: Kind) -> str:
    if kind == "boolean":
        return "write .cast(pl.Float64) after the boolean"
    if kind == "string":
        return "compare a string, or turn it into numbers in a silver table"
    if kind == "duration":
        return "write .dt.total_minutes() after the difference"
    return f"{name} takes {', '.join(sorted(OPERATIONS[name].takes - {'any', 'null'}))}"
