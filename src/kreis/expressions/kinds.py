"""What kind of value each node has, told from the kinds of the columns.

kreis computes with six kinds, narrower than Polars' types on purpose: booleans, 64-bit integers, 64-bit
floats ("number"), strings, moments (in UTC: "datetime"; shown in another zone: "local") and durations. A
column of unknown kind is "any": its values are then looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal as OneOf
from typing import TypeAlias

from kreis.errors import ProjectError
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["Kind", "infer", "of_call", "spoken", "unify"]

Kind: TypeAlias = OneOf["boolean", "integer", "number", "string", "datetime", "local", "duration", "null", "any"]

_NUMERIC: frozenset[Kind] = frozenset({"integer", "number", "null", "any"})
_TRUTH: frozenset[Kind] = frozenset({"boolean", "null", "any"})
_TEXT: frozenset[Kind] = frozenset({"string", "null", "any"})
_MOMENT: frozenset[Kind] = frozenset({"datetime", "local", "null", "any"})
_SPAN: frozenset[Kind] = frozenset({"duration", "null", "any"})
_CASTABLE: frozenset[Kind] = _NUMERIC | _TRUTH
_EVERY: frozenset[Kind] = frozenset(
    {"boolean", "integer", "number", "string", "datetime", "local", "duration", "null", "any"}
)

_TAKES: dict[str, frozenset[Kind]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "floor_divide", "modulo"), _NUMERIC),
    **dict.fromkeys(("power", "negate", "absolute", "clip", "round", "floor", "ceil"), _NUMERIC),
    **dict.fromkeys(("sqrt", "exp", "log", "log1p", "sin", "cos"), _NUMERIC),
    **dict.fromkeys(("is_nan", "is_not_nan", "is_finite", "is_infinite"), _NUMERIC),
    **dict.fromkeys(("and", "or", "xor", "not"), _TRUTH),
    **dict.fromkeys(("len_chars", "starts_with", "ends_with", "contains"), _TEXT),
    **dict.fromkeys(("hour", "minute", "second", "weekday", "day", "month", "ordinal_day", "year"), _MOMENT),
    **dict.fromkeys(("total_days", "total_hours", "total_minutes", "total_seconds"), _SPAN),
    "convert_time_zone": _MOMENT,
    "cast": _CASTABLE,
}
_GIVES: dict[str, Kind] = {
    **dict.fromkeys(("divide", "sqrt", "exp", "log", "log1p", "sin", "cos"), "number"),
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), "boolean"),
    **dict.fromkeys(("and", "or", "xor", "not", "is_in", "is_between", "is_null", "is_not_null"), "boolean"),
    **dict.fromkeys(("is_nan", "is_not_nan", "is_finite", "is_infinite"), "boolean"),
    **dict.fromkeys(("starts_with", "ends_with", "contains"), "boolean"),
    **dict.fromkeys(("hour", "minute", "second", "weekday", "day", "month", "ordinal_day", "year"), "integer"),
    **dict.fromkeys(("total_days", "total_hours", "total_minutes", "total_seconds", "len_chars"), "integer"),
}
_COMPARED = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "is_in", "is_between")


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
    for kind in kinds:
        if kind not in _TAKES.get(name, _EVERY):
            raise ProjectError(f"{name} does not take {spoken(kind)}", where=where, hint=_hint(name, kind))
    if name in _COMPARED:
        _comparable(name, kinds, where)
    if name == "when" and kinds[0] not in _TRUTH:
        raise ProjectError(f"when() takes a boolean, not {spoken(kinds[0])}", where=where, hint="write a comparison")
    return _GIVES.get(name) or _of_options(call) or unify(name, kinds[1:] if name == "when" else kinds, where)


def _of_options(call: Call) -> Kind | None:
    """What the options say of the kind of the result, if anything."""
    if call.operation == "cast":
        target: Kind = call.options["to"]  # type: ignore[assignment]
        return target
    if call.operation == "convert_time_zone":
        return "datetime" if call.options["zone"] == "UTC" else "local"
    if call.operation == "power" and isinstance(call.options["exponent"], float):
        return "number"
    return None


def unify(name: str, kinds: Iterable[Kind], where: str | None = None) -> Kind:
    """The one kind that values of several kinds come out as: integers and numbers together are numbers.

    Raises:
        ProjectError: there is none.
    """
    found = set(kinds) - {"null"}
    if not found:
        return "null"
    if "local" in found:
        raise ProjectError(
            f"{name} does not take a time in another zone",
            where=where,
            hint="convert the zone last, next to .dt.hour()",
        )
    known = found - {"any"}
    if known <= {"integer", "number"} and known:
        if "number" in known:
            return "number"
        return "any" if "any" in found else "integer"
    if len(known) > 1:
        raise ProjectError(f"{name} mixes {' and '.join(sorted(known))}", where=where, hint="cast one of them")
    return "any" if "any" in found else known.pop()


def _of_constant(value: bool | int | float | str | None) -> Kind:
    kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return kinds[type(value)]


def _of_aggregate(node: Aggregate, columns: Mapping[str, Kind], where: str | None) -> Kind:
    if node.argument is None or node.operation == "count":
        return "integer"
    kind = infer(node.argument, columns, where=where)
    if kind not in _CASTABLE:
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


def spoken(kind: Kind) -> str:
    """The kind with its article, for messages."""
    return {"integer": "an integer", "local": "a time in another zone"}.get(kind, f"a {kind}")


def _hint(name: str, kind: Kind) -> str:
    if kind == "boolean":
        return "write .cast(pl.Float64) after the boolean"
    if kind == "string":
        return "compare a string, or turn it into numbers in a silver table"
    if kind == "duration":
        return "write .dt.total_minutes() after the difference"
    return f"{name} takes {', '.join(sorted(_TAKES.get(name, _EVERY) - {'any', 'null'}))}"
