"""Columns of values for the vectorised evaluation: NumPy arrays, each with the mask of what is not null.

Kept apart are null (the mask) and NaN (a value), as in Polars. A moment is an int64 of microseconds since
1970 UTC and the name of the zone that it is shown in; a duration is an int64 of microseconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.clock import microseconds, moment
from kreis.errors import ProjectError
from kreis.expressions.kinds import Kind, spoken
from kreis.expressions.scalars import find_zone, in_utc

__all__ = ["Vector", "from_array", "from_constant", "local_times", "reduce_floats", "reduce_vector", "to_floats"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_QUARTERS: Final = 94_694_400
"""1973-01-01 in seconds: no zone has changed its offset within a quarter of an hour since (Monrovia did in 1972)."""


class Vector(NamedTuple):
    """Values, shape (n,) or (1,), of one kind; where `valid` is false the value means nothing."""

    values: Array
    valid: Mask
    kind: Kind
    zone: str = "UTC"


def from_constant(value: bool | int | float | str | None, kind: Kind) -> Vector:
    """A constant, shape (1,)."""
    if value is None:
        return Vector(np.zeros(1, np.int64), np.zeros(1, bool), "null")
    values = np.array([value], dtype=object if isinstance(value, str) else type(value))
    return Vector(values, np.ones(1, bool), kind)


def from_array(array: Array, kind: Kind = "any") -> Vector:
    """A column by its dtype; NaN, NaT, None and masked elements are null. See `evaluate` for what is taken."""
    values = np.ma.getdata(array)
    valid = ~np.ma.getmaskarray(array)
    code = values.dtype.kind
    if code == "O":
        return _from_objects(values, valid, kind)
    if code in "US":
        return Vector(values.astype(str).astype(object), valid, "string")
    if code == "M":
        return Vector(values.astype("datetime64[us]").astype(np.int64), valid & ~np.isnat(values), "datetime")
    if code == "m":
        return Vector(values.astype("timedelta64[us]").astype(np.int64), valid & ~np.isnat(values), "duration")
    if code == "f":
        numbers = values.astype(np.float64)
        valid = valid & ~np.isnan(numbers)
        numbers = np.where(valid, numbers, 0.0)
        whole = kind in ("integer", "datetime")
        return Vector(numbers.astype(np.int64), valid, kind) if whole else Vector(numbers, valid, "number")
    if code in "iu":
        if kind == "number":
            return Vector(values.astype(np.float64), valid, kind)
        return Vector(values.astype(np.int64), valid, "datetime" if kind == "datetime" else "integer")
    if code == "b":
        return Vector(values, valid, "boolean")
    raise ProjectError(f"a column of {values.dtype} cannot be computed with", hint="give numbers, texts or moments")


def _from_objects(values: Array, mask: Mask, kind: Kind) -> Vector:
    items = values.tolist()
    valid = mask & np.fromiter((each is not None and each == each for each in items), bool, len(items))
    first = next((each for each, there in zip(items, valid, strict=True) if there), None)
    if first is None:
        return Vector(np.zeros(len(items), np.int64), valid, "null" if kind == "any" else kind)._replace(
            values=_nothing(kind, len(items))
        )
    if isinstance(first, str):
        texts = np.array([each if there else "" for each, there in zip(items, valid, strict=True)] + [None], object)
        return Vector(texts[:-1], valid, "string")
    if isinstance(first, datetime):
        times = (microseconds(in_utc(each)) if there else 0 for each, there in zip(items, valid, strict=True))
        return Vector(np.fromiter(times, np.int64, len(items)), valid, "datetime")
    plain = np.array([each if there else type(first)(0) for each, there in zip(items, valid, strict=True)])
    return from_array(np.ma.array(plain, mask=~valid), kind)


def _nothing(kind: Kind, rows: int) -> Array:
    if kind == "string":
        texts = np.empty(rows, object)
        texts[:] = ""
        return texts
    return np.zeros(rows, np.float64 if kind == "number" else bool if kind == "boolean" else np.int64)


def to_floats(vector: Vector) -> npt.NDArray[np.float64]:
    """As float64 with NaN for null.

    Raises:
        ProjectError: they are neither numbers nor booleans.
    """
    if vector.kind not in ("boolean", "integer", "number", "null"):
        raise ProjectError(
            f"a feature is a number, this is {spoken(vector.kind)}", hint="compare it, or take a part of it"
        )
    return np.where(vector.valid, vector.values.astype(np.float64), np.nan)


def local_times(vector: Vector) -> Array:
    """Microseconds of the clock on the wall in the vector's zone, shape (n,)."""
    if vector.zone == "UTC" or not len(vector.values):
        return vector.values
    zone = find_zone(vector.zone)
    seconds = np.where(vector.valid, vector.values // 1_000_000, 0)
    seconds, place = np.unique(np.where(seconds >= _QUARTERS, seconds // 900 * 900, seconds), return_inverse=True)
    second = timedelta(seconds=1)
    offsets = np.array([_offset(moment(at * 1_000_000).astimezone(zone)) // second for at in seconds.tolist()])
    shifted: Array = vector.values + offsets[place] * 1_000_000
    return shifted


def _offset(at: datetime) -> timedelta:
    offset = at.utcoffset()
    return offset if offset is not None else timedelta(0)


def reduce_vector(operation: str, vector: Vector) -> Vector:
    """One value of many, shape (1,)."""
    if operation == "count":
        return from_constant(int(vector.valid.sum()), "integer")
    if operation == "last":
        return vector._replace(values=vector.values[-1:], valid=vector.valid[-1:]) if len(vector.values) else _NULL
    values = vector.values[vector.valid]
    if vector.kind == "number" or operation in ("mean", "std"):
        found = reduce_floats(operation, values.astype(np.float64))
        return _NULL if found is None else from_constant(found, "number")
    if operation == "sum":
        return from_constant(int(values.astype(np.int64).sum()), "integer")
    if not len(values):
        return _NULL
    extreme = values.min() if operation == "min" else values.max()
    return from_constant(extreme.item(), vector.kind)


_NULL = from_constant(None, "null")


def reduce_floats(operation: str, values: npt.NDArray[np.float64]) -> float | None:
    """Sum, mean, min, max or std of values that are not null; None is null.

    Of nothing the sum is 0 and the rest null; of one value the standard deviation (divided by n - 1) is null.
    Least and greatest leave NaN out unless there is nothing else.
    """
    rows = len(values)
    if operation == "sum":
        return float(values.sum())
    if rows == 0 or (operation == "std" and rows == 1):
        return None
    with np.errstate(all="ignore"):
        if operation == "mean":
            return float(values.mean())
        if operation == "std":
            return float(values.std(ddof=1))
        return float(np.fmin.reduce(values) if operation == "min" else np.fmax.reduce(values))
