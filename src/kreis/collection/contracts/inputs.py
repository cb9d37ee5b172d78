"""What a contract demands of single values, as plain data: a package carries it, and the service's door holds to it.

Polars is not imported here: the service reads this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.clock import microseconds, parse_time
from kreis.collection.contracts.patterns import for_format, for_values

if TYPE_CHECKING:
    from kreis.collection.contracts.contract import Contract
    from kreis.collection.contracts.document import SchemaProperty

__all__ = ["InputRule", "Scalar", "input_rules", "is_multiple", "patterns_left_out"]

Scalar = str | int | float | bool
_WIDTHS = {"i8": 7, "i16": 15, "i32": 31}


class InputRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The demands on one value; moments as microseconds since 1970 UTC."""

    required: bool = False
    allowed: list[Scalar] = []
    """The only values that there are; any, if empty."""
    minimum: int | float | None = None
    maximum: int | float | None = None
    exclusive_minimum: int | float | None = None
    exclusive_maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    contract: str = ""
    """Name of the contract's table, for messages."""
    patterns: dict[str, str] = {}
    """Regular expressions, one of whose matches the text must have, each by what a text without one is."""
    multiple_of: int | float | None = None


def input_rules(contract: Contract) -> dict[str, tuple[str, InputRule]]:
    """Each column's logical type and demands. A pattern that `patterns.for_values` refuses is left to collection."""
    columns = {column.name: column for column in contract.plan.columns}
    table = next(each for each in contract.document.schema if each.name == contract.name)
    found = {}
    for declared in table.properties:
        column = columns[declared.name]
        rule = InputRule(
            required=column.required,
            allowed=_allowed(declared) if column.logical_type in _PLAIN else [],
            contract=contract.name,
            patterns=_patterns(declared) if column.logical_type == "string" else {},
            multiple_of=declared.logical_type_options.get("multipleOf"),
            **_bounds(column.logical_type, declared.logical_type_options),
        )
        found[column.name] = column.logical_type, rule
    return found


_PLAIN = ("string", "integer", "number", "boolean")
_NAMES = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
}


def _allowed(declared: SchemaProperty) -> list[Scalar]:
    """The enumeration, or the valid values of a quality rule that tolerates no other."""
    if declared.enum:
        return [each.value for each in declared.enum]
    for rule in declared.quality:
        values = rule.arguments.get("validValues")
        strict = rule.must_be == 0 and rule.severity not in ("info", "warning")
        if rule.metric == "invalidValues" and isinstance(values, list) and strict:
            return [each for each in values if each is not None]
    return []


def _patterns(declared: SchemaProperty) -> dict[str, str]:
    pattern, kind = (declared.logical_type_options.get(name) for name in ("pattern", "format"))
    found = {} if kind is None else {f"not a valid {kind}": for_format(kind)}
    held = None if pattern is None else for_values(pattern)
    return found if held is None else {**found, f"not of the form {pattern}": held}


def _bounds(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if kind not in ("string", "integer", "number", "timestamp"):
        return {}
    found: dict[str, Any] = {}
    if kind == "integer" and options.get("format") in _WIDTHS:
        limit = 2 ** _WIDTHS[options["format"]]
        found = {"minimum": -limit, "maximum": limit - 1}
    for name, given in options.items():
        if name in _NAMES:
            found[_NAMES[name]] = microseconds(parse_time(str(given))) if kind == "timestamp" else given
    return found


def patterns_left_out(contract: Contract) -> dict[str, str]:
    """Columns whose pattern is checked in collection alone, and the pattern."""
    table = next(each for each in contract.document.schema if each.name == contract.name)
    given = {each.name: each.logical_type_options.get("pattern") for each in table.properties}
    return {name: pattern for name, pattern in given.items() if pattern is not None and for_values(pattern) is None}


def is_multiple(value: float, of: float) -> bool:
    """Whether a number is a multiple, as collection judges it: decimals to nine digits."""
    if isinstance(value, int) and isinstance(of, int):
        return value % of == 0
    quotient = value / of
    return abs(quotient - round(quotient)) <= 1e-9 * (1 + abs(quotient))
