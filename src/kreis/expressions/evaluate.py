"""Expressions without Polars: whole columns by NumPy here, single rows by `compile_row`, windows by `decompose`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.expressions import scalars
from kreis.expressions.kinds import Kind, of_call
from kreis.expressions.operations import validate
from kreis.expressions.rows import compile_row
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal
from kreis.expressions.vectors import (
    Vector,
    from_array,
    from_constant,
    local_times,
    reduce_vector,
    to_floats,
)
from kreis.expressions.windows import Decomposition, aggregate_values, decompose, decompose_all

__all__ = ["Decomposition", "aggregate_values", "compile_row", "decompose", "decompose_all", "evaluate"]

Array = npt.NDArray[Any]


def evaluate(
    expression: Expression, columns: Mapping[str, Array], kinds: Mapping[str, Kind] | None = None
) -> npt.NDArray[np.float64]:
    """The values of an expression over columns, float64 with NaN for missing.

    Args:
        expression: ends in a number or boolean.
        columns: arrays of shape (n,): float64 (NaN is null), integers, booleans, datetime64 (NaT is null), or
            objects: texts, datetimes, booleans or numbers with None for null. Masked arrays work too.
        kinds: the kinds of columns, where the dtype does not tell: "datetime" for microseconds since 1970 UTC
            held as int64, or as float64 with NaN.

    Returns:
        Shape (n,), or (1,) where the expression aggregates or reads no column.

    Raises:
        ProjectError: the expression is invalid, reads a column that is not there, or mixes kinds.
    """
    validate(expression)
    known = kinds or {}
    used: dict[str, Vector] = {}

    def read(name: str) -> Vector:
        if name not in columns:
            raise ProjectError.unknown_name("column", name, columns, where="evaluate")
        if name not in used:
            used[name] = from_array(columns[name], known.get(name, "any"))
        return used[name]

    rows = len(next(iter(columns.values()))) if columns else 0
    with np.errstate(all="ignore"):
        return to_floats(_evaluate(expression, read, rows))


def _evaluate(node: Expression, read: Callable[[str], Vector], rows: int) -> Vector:
    if isinstance(node, Column):
        return read(node.name)
    if isinstance(node, Literal):
        kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "string"}
        return from_constant(node.value, kinds.get(type(node.value), "null"))
    if isinstance(node, Aggregate):
        if node.argument is None:
            return from_constant(rows, "integer")
        argument = _evaluate(node.argument, read, rows)
        if len(argument.values) != rows:
            argument = _repeated(argument, rows)
        return reduce_vector(node.operation, argument)
    arguments = [_evaluate(each, read, rows) for each in node.arguments]
    kind = of_call(node, [each.kind for each in arguments])
    return _call(node, arguments, kind)


def _repeated(vector: Vector, rows: int) -> Vector:
    return vector._replace(values=np.repeat(vector.values, rows), valid=np.repeat(vector.valid, rows))


def _call(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    name = node.operation
    if name in _SPECIAL:
        return _SPECIAL[name](node, arguments, kind)
    if name in _BINARY:
        return _binary(name, arguments[0], arguments[1], kind)
    (value,) = arguments
    if name in _UNARY:
        return Vector(_UNARY[name](_numbers(value)), value.valid, kind)
    if name in _PARTS:
        return Vector(_PARTS[name](local_times(value)), value.valid, kind)
    if name in _TOTALS:
        spans = value.values
        return Vector(np.sign(spans) * (np.abs(spans) // _TOTALS[name]), value.valid, kind)
    return _mapped(name, node.options, value, kind)


def _mapped(name: str, options: Mapping[str, Any], value: Vector, kind: Kind) -> Vector:
    """Value by value through the row path's function: C's own exp, log and sin differ from NumPy's by an ulp."""
    function = scalars.unary(name, options)
    results = [
        function(each) if there else None for each, there in zip(value.values.tolist(), value.valid, strict=True)
    ]
    valid = np.fromiter((each is not None for each in results), bool, len(results))
    dtype = {"boolean": bool, "integer": np.int64}.get(kind, np.float64)
    if kind in ("any", "null"):
        return Vector(np.zeros(len(results), np.int64), valid, "null")
    return Vector(np.array([0 if each is None else each for each in results], dtype=dtype), valid, kind)


def _numbers(vector: Vector) -> Array:
    return vector.values.astype(np.int64) if vector.kind in ("boolean", "null") else vector.values


# Arithmetic and comparison


def _binary(name: str, left: Vector, right: Vector, kind: Kind) -> Vector:
    valid = left.valid & right.valid
    a, b = _met(left, right)
    values, lost = _BINARY[name](a, b)
    if lost is not None:
        valid = valid & ~lost
    return Vector(values, valid, kind) if kind != "null" else Vector(values, valid & False, kind)


def _met(left: Vector, right: Vector) -> tuple[Array, Array]:
    """Of one dtype: booleans among numbers as integers, integers among floats as floats, nulls as the other."""
    if "string" in (left.kind, right.kind):
        return _texts(left), _texts(right)
    if left.kind == right.kind == "boolean":
        return left.values, right.values
    a, b = _numbers(left), _numbers(right)
    if a.dtype != b.dtype:
        return a.astype(np.float64), b.astype(np.float64)
    return a, b


def _texts(vector: Vector) -> Array:
    if vector.kind == "string":
        return vector.values
    texts = np.empty(len(vector.values), object)
    texts[:] = ""
    return texts


Result = tuple[Array, Array | None]


def _is_nan(a: Array) -> Array:
    return np.isnan(a) if a.dtype.kind == "f" else np.zeros(a.shape, bool)


def _equal(a: Array, b: Array) -> Array:
    return np.asarray(a == b, dtype=bool) | (_is_nan(a) & _is_nan(b))


def _less(a: Array, b: Array) -> Array:
    return np.asarray(a < b, dtype=bool) | (_is_nan(b) & ~_is_nan(a))


def _divide(a: Array, b: Array) -> Result:
    return a.astype(np.float64) / b.astype(np.float64), None


def _floor_divide(a: Array, b: Array) -> Result:
    if a.dtype.kind == "f":
        return np.floor(a / b), None
    return a // np.where(b == 0, 1, b), np.broadcast_to(b == 0, np.broadcast_shapes(a.shape, b.shape))


def _modulo(a: Array, b: Array) -> Result:
    if a.dtype.kind == "f":
        return a - np.floor(a / b) * b, None
    return a % np.where(b == 0, 1, b), np.broadcast_to(b == 0, np.broadcast_shapes(a.shape, b.shape))


_BINARY: Final[dict[str, Callable[[Array, Array], Result]]] = {
    "add": lambda a, b: (a + b, None),
    "subtract": lambda a, b: (a - b, None),
    "multiply": lambda a, b: (a * b, None),
    "divide": _divide,
    "floor_divide": _floor_divide,
    "modulo": _modulo,
    "equal": lambda a, b: (_equal(a, b), None),
    "not_equal": lambda a, b: (~_equal(a, b), None),
    "less": lambda a, b: (_less(a, b), None),
    "less_equal": lambda a, b: (~_less(b, a), None),
    "greater": lambda a, b: (_less(b, a), None),
    "greater_equal": lambda a, b: (~_less(a, b), None),
    "xor": lambda a, b: (a != b, None),
}
_UNARY: Final[dict[str, Callable[[Array], Array]]] = {
    "negate": lambda a: -a,
    "absolute": np.abs,
    "floor": lambda a: np.floor(a) if a.dtype.kind == "f" else a,
    "ceil": lambda a: np.ceil(a) if a.dtype.kind == "f" else a,
    "sqrt": lambda a: np.sqrt(a.astype(np.float64)),
    "is_nan": _is_nan,
    "is_not_nan": lambda a: ~_is_nan(a),
    "is_finite": lambda a: np.isfinite(a.astype(np.float64)),
    "is_infinite": lambda a: np.isinf(a.astype(np.float64)),
}

# Time

_DAY = 86_400_000_000


def _days(us: Array) -> Array:
    days: Array = np.asarray(us // _DAY, dtype="datetime64[D]")
    return days


def _since(us: Array, unit: str) -> Array:
    days = _days(us)
    passed: Array = days - days.astype(f"datetime64[{unit}]").astype("datetime64[D]")
    return passed.astype(np.int64) + 1


_PARTS: Final[dict[str, Callable[[Array], Array]]] = {
    "hour": lambda us: us % _DAY // 3_600_000_000,
    "minute": lambda us: us % 3_600_000_000 // 60_000_000,
    "second": lambda us: us % 60_000_000 // 1_000_000,
    "weekday": lambda us: (us // _DAY + 3) % 7 + 1,
    "day": lambda us: _since(us, "M"),
    "month": lambda us: _days(us).astype("datetime64[M]").astype(np.int64) % 12 + 1,
    "ordinal_day": lambda us: _since(us, "Y"),
    "year": lambda us: _days(us).astype("datetime64[Y]").astype(np.int64) + 1970,
}
_TOTALS: Final = {
    "total_days": _DAY,
    "total_hours": 3_600_000_000,
    "total_minutes": 60_000_000,
    "total_seconds": 1_000_000,
}

# Logic, nulls and choice


def _truth(vector: Vector) -> tuple[Array, Array]:
    """Where it is true, and where it is false."""
    values = vector.values.astype(bool)
    return vector.valid & values, vector.valid & ~values


def _and(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    (true_a, false_a), (true_b, false_b) = (_truth(each) for each in arguments)
    both = true_a & true_b
    return Vector(both, both | false_a | false_b, kind)


def _or(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    (true_a, false_a), (true_b, false_b) = (_truth(each) for each in arguments)
    either = true_a | true_b
    return Vector(either, either | (false_a & false_b), kind)


def _not(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    return Vector(~arguments[0].values.astype(bool), arguments[0].valid, "boolean")


def _as(vector: Vector, kind: Kind) -> Array:
    """The values with the dtype of a kind."""
    if kind == "string":
        return _texts(vector)
    return vector.values.astype({"number": np.float64, "boolean": bool}.get(kind, np.int64))


def _choose(where: Array, then: Vector, otherwise: Vector, kind: Kind) -> Vector:
    return Vector(
        np.where(where, _as(then, kind), _as(otherwise, kind)), np.where(where, then.valid, otherwise.valid), kind
    )


def _when(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    return _choose(_truth(arguments[0])[0], arguments[1], arguments[2], kind)


def _coalesce(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    result = arguments[0]._replace(values=_as(arguments[0], kind), kind=kind)
    for each in arguments[1:]:
        result = _choose(result.valid, result, each, kind)
    return result


def _extreme(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    """NaN gives way to numbers; of two equal ones the second stays, as in Polars (it shows in the sign of 0)."""
    least = node.operation == "min_horizontal"
    result = arguments[0]._replace(values=_as(arguments[0], kind), kind=kind)
    for each in arguments[1:]:
        a, b = result.values, _as(each, kind)
        first = np.asarray(a < b if least else a > b, dtype=bool) | (_is_nan(b) & ~_is_nan(a))
        keep = result.valid & (first | ~each.valid)
        result = _choose(keep, result, each, kind)
    return result


def _is_null(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    return Vector(~arguments[0].valid, np.ones(arguments[0].valid.shape, bool), kind)


def _is_not_null(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    return Vector(arguments[0].valid, np.ones(arguments[0].valid.shape, bool), kind)


def _is_in(_: Call, arguments: list[Vector], kind: Kind) -> Vector:
    value = arguments[0]
    found = np.zeros(value.values.shape, bool)
    for each in arguments[1:]:
        if each.valid[0]:
            found |= _equal(*_met(value, each))
    return Vector(found, value.valid, kind)


def _is_between(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    value, lower, upper = arguments
    closed = node.options["closed"]
    above = _binary("greater_equal" if closed in ("both", "left") else "greater", value, lower, "boolean")
    below = _binary("less_equal" if closed in ("both", "right") else "less", value, upper, "boolean")
    return _and(node, [above, below], kind)


def _cast(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    (value,) = arguments
    if kind == "integer" and value.kind == "number":
        inside = (value.values >= -(2.0**63)) & (value.values < 2.0**63)
        return Vector(np.where(inside, value.values, 0.0).astype(np.int64), value.valid & inside, kind)
    return Vector(_as(value, kind), value.valid, kind)


def _convert_time_zone(node: Call, arguments: list[Vector], kind: Kind) -> Vector:
    return arguments[0]._replace(zone=str(node.options["zone"]), kind=kind)


_SPECIAL: Final[dict[str, Callable[[Call, list[Vector], Kind], Vector]]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "when": _when,
    "fill_null": _coalesce,
    "coalesce": _coalesce,
    "min_horizontal": _extreme,
    "max_horizontal": _extreme,
    "is_null": _is_null,
    "is_not_null": _is_not_null,
    "is_in": _is_in,
    "is_between": _is_between,
    "cast": _cast,
    "convert_time_zone": _convert_time_zone,
}
