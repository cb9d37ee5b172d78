"""A contract's columns: logical types, their options, and how values that come in another type are read.

A value is read only where nothing is lost: "12" and "12.0" are the integer 12, 12.5 is not one, a number is not a time.
What cannot be read is a bad row with a reason, never a null that nobody asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from kreis.collection.contracts.document import SchemaProperty, custom_value
from kreis.collection.contracts.reading import PathInFile, Places
from kreis.errors import ProjectError

__all__ = ["Column", "Reading", "as_text", "compile_column", "read"]

_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "time": pl.Time(),
    "timestamp": pl.Datetime("us", "UTC"),
}
_WIDTHS: dict[str, dict[str, pl.DataType]] = {
    "integer": {"i8": pl.Int8(), "i16": pl.Int16(), "i32": pl.Int32(), "i64": pl.Int64()},
    "number": {"f32": pl.Float32(), "f64": pl.Float64()},
}
_JDK = {
    "yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%3f", "SSSSSS": "%6f",
    **dict.fromkeys(("X", "XX", "XXX", "x", "xx", "xxx", "Z", "ZZZZZ"), "%#z"), "T": "T",
}  # fmt: skip
_TEN_YEARS = 3650
_PHRASES = {
    "string": "not a text",
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "not true or false",
    "date": "not a date",
    "time": "not a time of day",
    "timestamp": "not a moment in time",
    "array": "not a list of that type",
}
_ITEMS = ("string", "integer")
"""What the items of a list may be."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as the contract declares it."""

    name: str
    source_name: str
    """What the source calls it (the standard's physicalName)."""
    logical_type: str
    dtype: pl.DataType
    required: bool
    nan_means_null: bool
    time_format: str | None
    zone: str | None
    """Zone of moments that come without one; None: such moments are refused."""
    ahead: timedelta | None = None
    """Moments that lie further in the future are bad; None: any may come."""


@dataclass(frozen=True)
class Reading:
    """How one column of a frame becomes the contract's type."""

    value: pl.Expr
    came: pl.Expr | None
    """What came, where the value may differ from it: kept beside it until rows are judged."""
    unreadable: pl.Expr | None
    """Over the columns named in `read`: true where a value came and could not be read. None: cannot happen."""
    phrase: str


def compile_column(declared: SchemaProperty, path: PathInFile, places: Places) -> Column:
    """Translate a property.

    Raises:
        ProjectError: no logical type, a nested one, or a format or zone that kreis does not know.
    """
    kind = declared.logical_type
    where = places.at(*path, "logicalType")
    if kind is None:
        hint = "one of " + ", ".join(_TYPES)
        raise ProjectError(f"property {declared.name!r} has no logicalType", where=where, hint=hint)
    if kind not in _TYPES and kind != "array":
        hint = "have the source spread it over flat columns"
        raise ProjectError(f"{declared.name!r}: kreis does not check values of type {kind!r}", where=where, hint=hint)
    if declared.semantic_type == "measure":
        hint = "remove it here and declare it as a feature"
        raise ProjectError(f"{declared.name!r} is a measure, not a column", where=where, hint=hint)
    options = declared.logical_type_options
    at = (*path, "logicalTypeOptions")
    return Column(
        name=declared.name,
        source_name=declared.physical_name or declared.name,
        logical_type=kind,
        dtype=_list(declared, where)
        if kind == "array"
        else _width(kind, options.get("format"), places.at(*at, "format")),
        required=declared.required or declared.primary_key,
        nan_means_null=bool(custom_value(declared.custom_properties, "kreis.nan.means_null", False)),
        time_format=_time_format(kind, options.get("format"), places.at(*at, "format")),
        zone=_zone(options, places.at(*at, "defaultTimezone")),
        ahead=_ahead(declared, places.at(*path, "customProperties")) if kind == "timestamp" else None,
    )


def _list(declared: SchemaProperty, where: str) -> pl.DataType:
    items = declared.items.get("logicalType") if isinstance(declared.items, dict) else None
    if items not in _ITEMS:
        hint = f"items: {{logicalType: {_ITEMS[0]}}}; known: {', '.join(_ITEMS)}"
        raise ProjectError(f"{declared.name!r} is a list of {items or 'nothing known'}", where=where, hint=hint)
    return pl.List(_TYPES[items])


def _ahead(declared: SchemaProperty, where: str) -> timedelta | None:
    days = custom_value(declared.custom_properties, "kreis.ahead.at_most_days", _TEN_YEARS)
    if days == "any":
        return None
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 1_000_000:
        message = f"kreis.ahead.at_most_days is a whole number of days, not {days!r}"
        raise ProjectError(message, where=where, hint='write 30, or "any" where no moment is too far ahead')
    return timedelta(days=days)


def _width(kind: str, declared: Any, where: str) -> pl.DataType:
    if kind not in _WIDTHS or declared is None:
        return _TYPES[kind]
    if not isinstance(declared, str) or declared not in _WIDTHS[kind]:
        known = ", ".join(_WIDTHS[kind])
        hint = f"known: {known} (Delta tables have no unsigned types: use i64 and minimum: 0)"
        raise ProjectError(f"unknown format {declared!r} of type {kind}", where=where, hint=hint)
    return _WIDTHS[kind][declared]


def _time_format(kind: str, declared: Any, where: str) -> str | None:
    """A JDK DateTimeFormatter pattern, as the standard has it, to strptime's."""
    if kind not in ("date", "time", "timestamp") or declared is None:
        return None
    if not isinstance(declared, str):
        raise ProjectError(f"a format is a text, not {declared!r}", where=where, hint="yyyy-MM-dd HH:mm:ss")
    pieces: list[str] = []
    rest = re.sub("'[zZ]'$", "Z", declared)  # a literal Z at the end says what Z says: UTC
    while rest:
        letter = rest[0]
        if letter == "'":
            literal, _, rest = rest[1:].partition("'")
            pieces.append(literal.replace("%", "%%"))
        elif letter.isalpha():
            run = rest[: len(rest) - len(rest.lstrip(letter))]
            if run not in _JDK:
                hint = "known: " + ", ".join(_JDK)
                raise ProjectError(f"kreis cannot read {run!r} in the format {declared!r}", where=where, hint=hint)
            pieces.append(_JDK[run])
            rest = rest[len(run) :]
        else:
            pieces.append(letter.replace("%", "%%"))
            rest = rest[1:]
    return "".join(pieces)


def _zone(options: dict[str, Any], where: str) -> str | None:
    if options.get("timezone") is True:
        return None
    zone = options.get("defaultTimezone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError) as error:
        hint = "write it as in the IANA database: Europe/Berlin"
        raise ProjectError(f"unknown time zone {zone!r}", where=where, hint=hint) from error
    return str(zone)


def read(column: Column, dtype: pl.DataType, raw: str) -> Reading:
    """How a column that came as `dtype` is read; `raw` names what came, `column.name` the result."""
    phrase = _PHRASES[column.logical_type]
    source = pl.col(column.source_name)
    if column.nan_means_null and dtype.is_float():
        source = source.fill_nan(None)
    if dtype == column.dtype or dtype == pl.Null():
        return Reading(source if dtype == column.dtype else source.cast(column.dtype), None, None, phrase)
    value = _READERS[column.logical_type](source, dtype, column)
    if value is None:
        value = pl.lit(None, dtype=column.dtype)
    unreadable = pl.col(raw).is_not_null() & pl.col(column.name).is_null()
    if column.logical_type == "timestamp" and column.zone is None:
        phrase = "not a moment in time with a zone"
    return Reading(value, source, unreadable, phrase)


def _string(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    textual = dtype.is_integer() or isinstance(dtype, pl.Categorical | pl.Enum)
    return source.cast(pl.String, strict=False) if textual else None


def _integer(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    if dtype.is_float() or dtype.is_decimal():
        whole = pl.when(source == source.floor()).then(source)
        return whole.cast(column.dtype, strict=False)
    if dtype == pl.String():
        return source.map_batches(partial(_whole, dtype=column.dtype), return_dtype=column.dtype, is_elementwise=True)
    return source.cast(column.dtype, strict=False) if dtype.is_integer() else None


def _whole(text: pl.Series, *, dtype: pl.DataType) -> pl.Series:
    """Texts as whole numbers; "12.0" is one, too, as programs write them that know only decimals."""
    value = text.cast(dtype, strict=False)
    if value.null_count() == text.null_count():
        return value
    return value.fill_null(text.str.replace(r"^([+-]?[0-9]+)\.0+$", "${1}").cast(dtype, strict=False))


def _number(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    readable = dtype.is_numeric() or dtype == pl.String()
    return source.cast(column.dtype, strict=False) if readable else None


def _boolean(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    if dtype != pl.String():
        return None
    return source.str.to_lowercase().replace_strict(
        {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
    )


def _array(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    narrower = inner in (pl.Int8(), pl.Int16(), pl.Int32(), pl.UInt8(), pl.UInt16(), pl.UInt32())
    whole = column.dtype == pl.List(pl.Int64()) and narrower
    return source.cast(column.dtype) if inner == pl.Null() or whole else None


def _date(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    if dtype == pl.String():
        return source.str.to_date(column.time_format or "%Y-%m-%d", strict=False, exact=True)
    if isinstance(dtype, pl.Datetime):
        return pl.when(source.dt.truncate("1d") == source).then(source.dt.date())
    return None


def _time(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    if dtype != pl.String():
        return None
    return source.str.to_time(column.time_format or "%H:%M:%S%.f", strict=False)


def _timestamp(source: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr | None:
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            return _zoned(source, column)
        return source.dt.convert_time_zone("UTC").cast(column.dtype)
    if dtype != pl.String():
        return None
    if column.time_format is not None:
        parsed = source.str.to_datetime(column.time_format, time_unit="us", strict=False, exact=True)
        if "%#z" in column.time_format:
            return parsed.dt.convert_time_zone("UTC").cast(column.dtype)
        return _zoned(parsed, column)
    # One explicit form each, because Polars would take the form of the whole column from its first value.
    text = source.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T").str.replace(
        "^([^.]{13}:[0-9]{2})([zZ+-]|$)", "${1}:00${2}"
    )
    zoned = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False, exact=True)
    plain = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False, exact=True)
    return pl.coalesce(zoned.dt.convert_time_zone("UTC").cast(column.dtype), _zoned(plain, column))


def _zoned(naive: pl.Expr, column: Column) -> pl.Expr:
    """Moments without a zone, placed in the contract's; an hour that clocks skip or repeat is unreadable."""
    if column.zone is None:
        return pl.when(pl.lit(False)).then(naive.dt.replace_time_zone("UTC")).cast(column.dtype)
    placed = naive.dt.replace_time_zone(column.zone, ambiguous="null", non_existent="null")
    return placed.dt.convert_time_zone("UTC").cast(column.dtype)


_READERS = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "array": _array,
}


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text that loses nothing a person would want to see; moments as ISO 8601."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime | pl.Date | pl.Time):
        return column.dt.to_string("iso:strict")
    if dtype.is_nested():
        return pl.struct(column).struct.json_encode()
    if dtype == pl.Binary():
        return column.bin.encode("hex")
    return column.cast(pl.String, strict=False)
