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
from kreis.expressions import scalars
from kreis.expressions.kinds import Kind, infer, of_call, spoken, unify
from kreis.expressions.operations import has_aggregate, validate
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["compile_row", "constant"]

Read = Callable[[Mapping[str, Any]], Any]

_UNIFIED = ("when", "fill_null", "coalesce", "min_horizontal", "max_horizontal")


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
    number = scalars.to_number

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
    if expression.operation in _UNIFIED:
        reads = _unified(expression, reads, of)
    elif "local" in of and expression.operation in ("subtract", "is_between", *_COMPARISONS):
        reads = [_apply(scalars.in_utc, read) for read in reads]
    return _call(expression, reads), kind


def _column(name: str, kind: Kind) -> Read:
    convert = scalars.READERS[kind]
    if kind == "number":

        def read_number(row: Mapping[str, Any]) -> Any:
            value = row[name]
            if value.__class__ is float:
                return value if value == value else None
            return convert(value)

        return read_number
    return lambda row: convert(row[name])


def _unified(call: Call, reads: list[Read], of: list[Kind]) -> list[Read]:
    """Integers among numbers become numbers, as in Polars' supertypes."""
    first = 1 if call.operation == "when" else 0
    if unify(call.operation, of[first:]) != "number":
        return reads
    return reads[:first] + [
        read if kind in ("number", "null") else _apply(scalars.as_number, read)
        for read, kind in zip(reads[first:], of[first:], strict=True)
    ]


def _apply(function: Callable[[Any], Any], read: Read) -> Read:
    def applied(row: Mapping[str, Any]) -> Any:
        value = read(row)
        return None if value is None else function(value)

    return applied


def _combine(function: Callable[[Any, Any], Any], left: Read, right: Read) -> Read:
    def combined(row: Mapping[str, Any]) -> Any:
        a = left(row)
        if a is None:
            return None
        b = right(row)
        return None if b is None else function(a, b)

    return combined


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": scalars.equal,
    "not_equal": scalars.not_equal,
    "less": scalars.less,
    "less_equal": scalars.less_equal,
    "greater": scalars.greater,
    "greater_equal": scalars.greater_equal,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    **_COMPARISONS,
    "add": scalars.add,
    "subtract": scalars.subtract,
    "multiply": scalars.multiply,
    "divide": scalars.divide,
    "floor_divide": scalars.floor_divide,
    "modulo": scalars.modulo,
    "xor": scalars.exclusive_or,
}
_FOLDED: dict[str, Callable[[Any, Any], Any]] = {"min_horizontal": scalars.lesser, "max_horizontal": scalars.larger}


def _call(call: Call, reads: list[Read]) -> Read:
    name = call.operation
    if name in _BINARY:
        return _combine(_BINARY[name], *reads)
    if name in _SPECIAL:
        return _SPECIAL[name](call, reads)
    if name in _FOLDED:
        return _fold(_FOLDED[name], reads)
    return _apply(scalars.unary(name, call.options), reads[0])


def _fold(function: Callable[[Any, Any], Any], reads: list[Read]) -> Read:
    def folded(row: Mapping[str, Any]) -> Any:
        result = None
        for read in reads:
            value = read(row)
            if value is not None:
                result = value if result is None else function(result, value)
        return result

    return folded


def _and(call: Call, reads: list[Read]) -> Read:
    left, right = reads

    def both(row: Mapping[str, Any]) -> Any:
        a, b = scalars.truth(left(row)), scalars.truth(right(row))
        if a is False or b is False:
            return False
        return None if a is None or b is None else True

    return both


def _or(call: Call, reads: list[Read]) -> Read:
    left, right = reads

    def either(row: Mapping[str, Any]) -> Any:
        a, b = scalars.truth(left(row)), scalars.truth(right(row))
        if a is True or b is True:
            return True
        return None if a is None or b is None else False

    return either


def _when(call: Call, reads: list[Read]) -> Read:
    predicate, then, otherwise = reads
    return lambda row: then(row) if scalars.truth(predicate(row)) is True else otherwise(row)


def _coalesce(call: Call, reads: list[Read]) -> Read:
    def first(row: Mapping[str, Any]) -> Any:
        for read in reads:
            value = read(row)
            if value is not None:
                return value
        return None

    return first


def _is_null(call: Call, reads: list[Read]) -> Read:
    (read,) = reads
    return lambda row: read(row) is None


def _is_not_null(call: Call, reads: list[Read]) -> Read:
    (read,) = reads
    return lambda row: read(row) is not None


def _is_in(call: Call, reads: list[Read]) -> Read:
    chosen = frozenset(each.value for each in call.arguments[1:] if isinstance(each, Literal)) - {None}
    return _apply(lambda value: value in chosen, reads[0])


def _is_between(call: Call, reads: list[Read]) -> Read:
    value, lower, upper = reads
    closed = call.options["closed"]
    above = _combine(scalars.greater_equal if closed in ("both", "left") else scalars.greater, value, lower)
    below = _combine(scalars.less_equal if closed in ("both", "right") else scalars.less, value, upper)
    return _and(call, [above, below])


_SPECIAL: dict[str, Callable[[Call, list[Read]], Read]] = {
    "and": _and,
    "or": _or,
    "when": _when,
    "fill_null": _coalesce,
    "coalesce": _coalesce,
    "is_null": _is_null,
    "is_not_null": _is_not_null,
    "is_in": _is_in,
    "is_between": _is_between,
}
