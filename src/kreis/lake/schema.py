"""Schemas: from Polars to Delta and back, what a table can hold, and what two schemas differ in.

Types of Delta: the protocol's "Schema serialization format". Nothing beyond reader version 1 is used, so that
every Delta reader can open the tables.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import polars as pl
from polars.datatypes import DataTypeClass

from kreis.errors import ContractError

__all__ = ["SchemaChange", "compare", "conform", "from_delta", "to_delta"]

_UTC = pl.Datetime("us", "UTC")
_NAMES: dict[DataTypeClass, str] = {
    pl.Boolean: "boolean",
    pl.Int8: "byte",
    pl.Int16: "short",
    pl.Int32: "integer",
    pl.Int64: "long",
    pl.Float32: "float",
    pl.Float64: "double",
    pl.String: "string",
    pl.Binary: "binary",
    pl.Date: "date",
}
_TYPES: dict[str, pl.DataType] = {name: kind() for kind, name in _NAMES.items()} | {"timestamp": _UTC}
_STORED_AS: dict[DataTypeClass, pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Int64(),
    pl.Categorical: pl.String(),
    pl.Enum: pl.String(),
}
_HINTS: dict[DataTypeClass, str] = {
    pl.Duration: "store a number and say its unit in the name: pl.col(…).dt.total_seconds()",
    pl.Time: "store the moment (a UTC datetime), or a number with its unit in the name",
    pl.Null: "the column holds only nulls and has no type: cast it, pl.col(…).cast(pl.String)",
    pl.Object: "Python objects cannot be stored: turn them into columns",
}
_FORBIDDEN = re.compile(r"[ ,;{}()\n\t=]")
"""The Delta protocol allows these in column names only with column mapping."""


class SchemaChange(msgspec.Struct, frozen=True):
    """In what a frame's schema differs from the table's; types in Polars' words."""

    added: dict[str, str]
    removed: dict[str, str]
    retyped: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped)

    def __str__(self) -> str:
        parts = [f"added {name} ({kind})" for name, kind in self.added.items()]
        parts += [f"removed {name} ({kind})" for name, kind in self.removed.items()]
        parts += [f"retyped {name} from {old} to {new}" for name, (old, new) in self.retyped.items()]
        return "; ".join(parts)


def compare(old: pl.Schema, new: pl.Schema) -> SchemaChange:
    """What has to happen to `old` to become `new`; the order of columns does not count."""
    return SchemaChange(
        added={name: str(kind) for name, kind in new.items() if name not in old},
        removed={name: str(kind) for name, kind in old.items() if name not in new},
        retyped={n: (str(old[n]), str(kind)) for n, kind in new.items() if n in old and old[n] != kind},
    )


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The same values in types that Delta knows, in one chunk: datetimes in UTC µs, categories as strings.

    Raises:
        ContractError: a column has a type or a name that cannot be stored, or values that would change.
    """
    if not frame.width:
        raise ContractError("a table needs at least one column", where=table)
    _check_names(frame.columns, table)
    casts = []
    for column in frame:
        stored = _stored_type(column.dtype, column.name, table)
        if stored != column.dtype:
            casts.append(_cast(column, stored, table))
    return (frame.with_columns(casts) if casts else frame).rechunk()


def _check_names(columns: list[str], table: str) -> None:
    seen: dict[str, str] = {}
    for name in columns:
        if not name or _FORBIDDEN.search(name):
            raise ContractError(
                f"column name {name!r} cannot be stored", where=table, hint="use letters, digits, _ and -"
            )
        if (twin := seen.setdefault(name.lower(), name)) is not name:
            raise ContractError(f"columns {twin!r} and {name!r} differ only in case", where=table, hint="rename one")


def _stored_type(dtype: pl.DataType, column: str, table: str) -> pl.DataType:
    kind = dtype.base_type()
    if kind in _NAMES or isinstance(dtype, pl.Decimal):
        return dtype
    if isinstance(dtype, pl.List | pl.Array):
        return pl.List(_stored_type(_instance(dtype.inner), column, table))
    if isinstance(dtype, pl.Struct):
        _check_names([field.name for field in dtype.fields], f"{table}, column {column}")
        return pl.Struct({f.name: _stored_type(_instance(f.dtype), column, table) for f in dtype.fields})
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return _UTC
    if kind in _STORED_AS:
        return _STORED_AS[kind]
    hint = _HINTS.get(kind, "cast the column first")
    if isinstance(dtype, pl.Datetime):
        hint = 'say which zone it is in: pl.col(…).dt.replace_time_zone("UTC")'
    raise ContractError(f"column {column!r} of type {dtype} cannot be stored", where=table, hint=hint)


def _instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _cast(column: pl.Series, stored: pl.DataType, table: str) -> pl.Series:
    try:
        cast = column.cast(stored)
    except pl.exceptions.InvalidOperationError as error:
        message = f"column {column.name!r} does not fit {stored}: {str(error).splitlines()[0]}"
        raise ContractError(message, where=table) from error
    if "time_unit='ns'" in repr(column.dtype) and not cast.cast(column.dtype).equals(column):
        raise ContractError(
            f"column {column.name!r} holds nanoseconds; a table keeps microseconds",
            where=table,
            hint='round on purpose: pl.col(…).dt.truncate("1us")',
        )
    return cast


def to_delta(schema: pl.Schema) -> str:
    """The schema as the text that Delta keeps in `metaData.schemaString`. Every column may be null."""
    return msgspec.json.encode(_struct(schema)).decode()


def _struct(fields: pl.Schema | dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"name": n, "type": _to_delta(_instance(t)), "nullable": True, "metadata": {}} for n, t in fields.items()
    ]
    return {"type": "struct", "fields": entries}


def _to_delta(dtype: pl.DataType) -> str | dict[str, Any]:
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        return {"type": "array", "elementType": _to_delta(_instance(dtype.inner)), "containsNull": True}
    if isinstance(dtype, pl.Struct):
        return _struct({field.name: field.dtype for field in dtype.fields})
    return "timestamp" if dtype == _UTC else _NAMES[dtype.base_type()]


def from_delta(text: str) -> pl.Schema:
    """The inverse of `to_delta`.

    Raises:
        ValueError: the text is no schema, or has types that kreis does not store.
    """
    try:
        document = msgspec.json.decode(text)
        return pl.Schema({field["name"]: _from_delta(field["type"]) for field in document["fields"]})
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a schema that kreis stores: {error!r}") from error


def _from_delta(kind: str | dict[str, Any]) -> pl.DataType:
    if isinstance(kind, str):
        if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
            return pl.Decimal(int(match[1]), int(match[2]))
        return _TYPES[kind]
    if kind["type"] == "array":
        return pl.List(_from_delta(kind["elementType"]))
    if kind["type"] == "struct":
        return pl.Struct({field["name"]: _from_delta(field["type"]) for field in kind["fields"]})
    raise KeyError(kind["type"])
