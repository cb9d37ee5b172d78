"""Row rules of a property: required, enum and logicalTypeOptions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from kreis.clock import parse_time
from kreis.collection.contracts.columns import Column
from kreis.collection.contracts.document import EnumValue, SchemaProperty
from kreis.collection.contracts.patterns import FORMATS, ascii_classes
from kreis.collection.contracts.reading import PathInFile, Places
from kreis.collection.contracts.rules import RowRule
from kreis.errors import ProjectError
from kreis.texts import counted

__all__ = ["among", "matching", "option_rules"]

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_KNOWN: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": (*_BOUNDS, "multipleOf", "format"),
    "number": (*_BOUNDS, "multipleOf", "format"),
    "date": (*_BOUNDS, "format"),
    "time": (*_BOUNDS, "format"),
    "timestamp": (*_BOUNDS, "format", "timezone", "defaultTimezone"),
    "boolean": (),
    "array": ("minItems", "maxItems", "uniqueItems"),
}


def option_rules(declared: SchemaProperty, column: Column, path: PathInFile, places: Places) -> Iterator[RowRule]:
    """The row rules of one property, all but readability and `required`, which depend on how it comes.

    Raises:
        ProjectError: an option that its type does not have, or a value that makes no sense for it.
    """
    kind = column.logical_type
    at = (*path, "logicalTypeOptions")
    for name in declared.logical_type_options:
        if name not in _KNOWN[kind]:
            raise ProjectError.unknown_name(f"option of type {kind}", name, _KNOWN[kind], where=places.at(*at, name))
    _refuse_empty_range(declared.logical_type_options, column, places.at(*at))
    value = pl.col(column.name)
    if kind == "number":
        yield RowRule(column.name, "not finite (NaN or infinite)", ~value.is_finite())
    if kind == "array":
        yield RowRule(column.name, "an item of the list is missing", value.list.eval(pl.element().is_null()).list.any())
    for name, given in declared.logical_type_options.items():
        rule = _option(column, name, given, places.at(*at, name))
        if rule is not None:
            yield rule
    if declared.enum:
        yield _enum(column, declared.enum, places.at(*path, "enum"))


def _refuse_empty_range(options: Mapping[str, Any], column: Column, where: str) -> None:
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if least in options and most in options:
            limit = _limit if least == "minimum" else _number
            if limit(column, options[least], where) > limit(column, options[most], where):
                message = f"{least} {options[least]} is above {most} {options[most]}"
                raise ProjectError(message, where=where, hint="exchange them")


def _option(column: Column, name: str, given: Any, where: str) -> RowRule | None:
    value = pl.col(column.name)
    if name in _BOUNDS:
        return _bound(column, name, given, where)
    if name == "multipleOf":
        return _multiple(column, given, where)
    if name in ("minLength", "maxLength"):
        return _length(column, name, given, where)
    if column.logical_type == "array":
        return _items(column, name, given, where)
    if name == "pattern":
        return RowRule(column.name, f"does not match {given}", ~matching(value, given, where))
    if name == "format" and column.logical_type == "string":
        if not isinstance(given, str) or given not in FORMATS:
            raise ProjectError.unknown_name("format of type string", str(given), FORMATS, where=where)
        return RowRule(column.name, f"not a valid {given}", ~value.str.contains(FORMATS[given]))
    return None  # how it is read, not what it holds: see columns.py


def _bound(column: Column, name: str, given: Any, where: str) -> RowRule:
    limit = _limit(column, given, where)
    value = pl.col(column.name)
    broken, phrase = {
        "minimum": (value < limit, f"below {given}"),
        "maximum": (value > limit, f"above {given}"),
        "exclusiveMinimum": (value <= limit, f"not above {given}"),
        "exclusiveMaximum": (value >= limit, f"not below {given}"),
    }[name]
    if column.logical_type == "number":  # NaN sorts above everything, and has its own reason
        broken &= value.is_not_nan()
    return RowRule(column.name, phrase, broken)


def _limit(column: Column, given: Any, where: str) -> Any:
    """A bound in the column's type; moments without a zone are taken in the column's, else as UTC."""
    kind = column.logical_type
    try:
        if kind in ("integer", "number"):
            if not _is_number(given):
                raise ValueError("write a finite number of at most 64 bits")
            return given
        text = given.isoformat() if isinstance(given, date | datetime) else str(given)
        if kind == "date":
            return date.fromisoformat(text)
        if kind == "time":
            return time.fromisoformat(text)
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=ZoneInfo(column.zone or "UTC")) if at.tzinfo is None else parse_time(text)
    except ValueError as error:
        raise ProjectError(f"{given!r} is not a bound of type {kind}", where=where, hint=str(error)) from error


def _is_number(given: Any) -> bool:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    return abs(given) < 2**63 if isinstance(given, int) else math.isfinite(given)


def _number(column: Column, given: Any, where: str) -> Any:
    if not _is_number(given):
        raise ProjectError(
            f"{given!r} is not a valid length of {column.name!r}", where=where, hint="write a whole number"
        )
    return given


def _multiple(column: Column, given: Any, where: str) -> RowRule:
    if not _is_number(given) or not given > 0:
        raise ProjectError(f"multipleOf must be a number above 0, not {given!r}", where=where)
    value = pl.col(column.name)
    if column.logical_type == "integer" and isinstance(given, int):
        return RowRule(column.name, f"not a multiple of {given}", value % given != 0)
    quotient = value.cast(pl.Float64) / given
    apart = (quotient - quotient.round()).abs()
    return RowRule(column.name, f"not a multiple of {given}", (apart > 1e-9 * (1 + quotient.abs())) & apart.is_finite())


def _length(column: Column, name: str, given: Any, where: str) -> RowRule:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ProjectError(f"{name} must be a whole number, not {given!r}", where=where)
    length = pl.col(column.name).str.len_chars()
    if name == "minLength":
        return RowRule(column.name, f"shorter than {counted(given, 'character')}", length < given)
    return RowRule(column.name, f"longer than {counted(given, 'character')}", length > given)


def _items(column: Column, name: str, given: Any, where: str) -> RowRule | None:
    items = pl.col(column.name).list
    if name == "uniqueItems":
        if not isinstance(given, bool):
            raise ProjectError(f"uniqueItems is true or false, not {given!r}", where=where)
        return RowRule(column.name, "an item comes twice", items.n_unique() < items.len()) if given else None
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ProjectError(f"{name} must be a whole number, not {given!r}", where=where)
    if name == "minItems":
        return RowRule(column.name, f"fewer than {counted(given, 'item')}", items.len() < given)
    return RowRule(column.name, f"more than {counted(given, 'item')}", items.len() > given)


def _enum(column: Column, values: list[EnumValue], where: str) -> RowRule:
    allowed = [each.value for each in values]
    return RowRule(column.name, "not among the allowed values", ~among(column, allowed, where))


def among(column: Column, allowed: list[Any], where: str) -> pl.Expr:
    """Whether the column's value is one of these, written as the column's type is written in the contract.

    Raises:
        ProjectError: a value that the column could never hold.
    """
    if column.logical_type in ("date", "time", "timestamp"):
        typed = [_limit(column, each, where) for each in allowed]
    else:
        kinds: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "number": (int, float)}
        wanted = kinds.get(column.logical_type, (int,))
        for each in allowed:
            number = column.logical_type in ("integer", "number")
            if not isinstance(each, wanted) or (number and not _is_number(each)):
                hint = "put it in quotes" if column.logical_type == "string" else "remove it"
                message = f"{each!r} is not of type {column.logical_type}, as {column.name!r} is"
                raise ProjectError(message, where=where, hint=hint)
        typed = list(allowed)
    return pl.col(column.name).is_in(pl.Series(typed, dtype=column.dtype, strict=False).implode())


def matching(value: pl.Expr, pattern: Any, where: str) -> pl.Expr:
    """Whether a text matches a regular expression somewhere (use ^ and $ for all of it).

    Raises:
        ProjectError: not a regular expression that can be matched in linear time: look-around and
            back-references are not.
    """
    if not isinstance(pattern, str):
        raise ProjectError(f"a pattern is a text, not {pattern!r}", where=where, hint="put it in quotes")
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        said = [line.strip() for line in str(error).splitlines()]
        why = next((line for line in said if line.startswith("error:")), said[0])
        hint = "look-around and back-references do not exist here; ^ and $ anchor the pattern"
        raise ProjectError(f"unreadable pattern {pattern!r}: {why}", where=where, hint=hint) from error
    return value.str.contains(ascii_classes(pattern))
