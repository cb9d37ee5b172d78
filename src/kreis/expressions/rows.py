"""One row at a time: an expression as closures over Python's own scalars, for the answering path.

None is null and NaN is NaN inside an expression, as in Polars; at both ends they are one thing, "missing": a
NaN that comes in is null, and a null goes out as NaN. Integers wrap at 64 bits, NaN sorts above everything and
equals itself, a null makes what touches it null but for the logic of Kleene (1938), and dividing by zero is
IEEE 754's for floats and null for integers: all as in Polars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kreis.errors import ProjectError
from kreis.expressions.checking import has_aggregate, infer, of_call, validate
from kreis.expressions.closures import Read, apply
from kreis.expressions.kinds import Kind, spoken, unify
from kreis.expressions.operations import OPERATIONS
from kreis.expressions.readers import READERS, as_number, in_utc, to_number
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["compile_row", "constant"]


def compile_row(
    expressions: Mapping[str, Expression], kinds: Mapping[str, Kind] | None = None
) -> Callable[[Mapping[str, Any]], list[float]]:
    """Turn named expressions into one function from a row to their values, in order, as floats; missing is NaN.

    A row maps column names to None, bool, int, float, str or datetime (a naive one is taken as UTC). Give
    `kinds` (a request view's `fields`, say) wherever they are known: only then is an integer 3 sent for a
    "number" computed as 3.0, an ISO 8601 text read as a moment, and a wrong type refused. A "datetime" may
    also come as microseconds since 1970 UTC.

    The function raises ProjectError for a column that the row lacks, and TypeError or ValueError for a value
    of the wrong kind.

    Raises:
        ProjectError: an expression is invalid, aggregates, or does not end in a number or boolean.
    """
    known = dict(kinds or {})
    readers = [_feature(name, expression, known) for name, expression in expressions.items()]
    number = to_number

    def compute(row: Mapping[str, Any]) -> list[float]:
        try:
            return [number(read(row)) for read in readers]
        except KeyError as error:
            raise ProjectError.unknown_name("column", str(error.args[0]), row, where="a row's features") from error
        except OverflowError as error:
            raise ValueError(f"a value is out of range: {error}") from error

    return compute


def constant(expression: Expression) -> Any:
    """The value of an expression that reads no column: None, bool, int, float or str."""
    return _compile(expression, {})[0]({})


def _feature(name: str, expression: Expression, kinds: Mapping[str, Kind]) -> Read:
    validate(expression, where=name)
    if has_aggregate(expression):
        raise ProjectError("a single row cannot be aggregated", where=name, hint="decompose the expression first")
    kind = infer(expression, kinds, where=name)
    if kind not in ("boolean", "integer", "number", "null", "any"):
        raise ProjectError(
            f"a feature is a number, this is {spoken(kind)}", where=name, hint="compare it, or take a part of it"
        )
    return _compile(expression, kinds)[0]


def _compile(expression: Expression, kinds: Mapping[str, Kind]) -> tuple[Read, Kind]:
    if isinstance(expression, Literal):
        value = expression.value
        return (lambda row: value), infer(expression, {})
    if isinstance(expression, Column):
        kind = kinds.get(expression.name, "any")
        return _column(expression.name, kind), kind
    if isinstance(expression, Aggregate):
        raise ProjectError("a single row cannot be aggregated", hint="decompose the expression first")
    compiled = [_compile(argument, kinds) for argument in expression.arguments]
    reads, of = [read for read, _ in compiled], [kind for _, kind in compiled]
    kind = of_call(expression, of)
    operation = OPERATIONS[expression.operation]
    if operation.branches is not None:
        reads = _unified(operation.branches, expression, reads, of)
    elif "local" in of and (operation.compares or expression.operation == "subtract"):
        reads = [apply(in_utc, read) for read in reads]
    return operation.compute(*reads, **expression.options), kind


def _column(name: str, kind: Kind) -> Read:
    convert = READERS[kind]
    if kind == "number":

        def read_number(row: Mapping[str, Any]) -> Any:
            value = row[name]
            if value.__class__ is float:
                return value if value == value else None
            return convert(value)

        return read_number
    return lambda row: convert(row[name])


def _unified(branches: int, call: Call, reads: list[Read], of: list[Kind]) -> list[Read]:
    """Integers among numbers become numbers, as in Polars' supertypes."""
    if unify(call.operation, of[branches:]) != "number":
        return reads
    return reads[:branches] + [
        read if kind in ("number", "null") else apply(as_number, read)
        for read, kind in zip(reads[branches:], of[branches:], strict=True)
    ]
