"""Where Python's scalars enter and leave the row path: reading columns by kind, moments in UTC, features as floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from kreis.clock import moment, parse_time
from kreis.errors import ProjectError
from kreis.expressions.kinds import Kind

__all__ = ["READERS", "as_number", "find_zone", "in_utc", "to_number", "truth"]

_LIMIT: Final = 2**63
_NAN: Final = math.nan


def _read_any(value: Any) -> Any:
    kind = value.__class__
    if kind is float:
        return value if value == value else None
    if kind is str or value is None or kind is bool:
        return value
    if isinstance(value, np.generic):
        return _read_any(value.item())
    if isinstance(value, datetime):
        return in_utc(value)
    return value if isinstance(value, timedelta) else _read_integer(value)


def _read_number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise TypeError(f"a number is needed, not {type(value).__name__}")
    number = float(value)
    return number if number == number else None


def _read_integer(value: Any) -> int | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise TypeError(f"an integer is needed, not {type(value).__name__}")
    whole = int(value)
    if whole != value or not -_LIMIT <= whole < _LIMIT:
        raise ValueError(f"{value} is not a 64-bit integer")
    return whole


def _read_boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"true or false is needed, not {type(value).__name__}")


def _read_string(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"a text is needed, not {type(value).__name__}")


def _read_datetime(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return moment(value)
    raise TypeError(f"a moment is needed, not {type(value).__name__}")


READERS: Final[dict[Kind, Callable[[Any], Any]]] = {
    **dict.fromkeys(("any", "null", "duration", "local"), _read_any),
    "number": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "string": _read_string,
    "datetime": _read_datetime,
}
"""From what a row holds to a value of the kind; null and NaN become None."""


def to_number(value: Any) -> float:
    """A feature's value: null (None) is NaN.

    Raises:
        TypeError: it is neither a number nor a boolean.
    """
    if value.__class__ is float:
        result: float = value
        return result
    if value is None:
        return _NAN
    if isinstance(value, int):
        return float(value)
    raise TypeError(f"a feature is a number, not {type(value).__name__}")


def as_number(value: Any) -> float:
    """An integer or float as a float."""
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"a number is needed, not {type(value).__name__}")


def truth(value: Any) -> bool | None:
    """A boolean or null as it is, anything else refused."""
    if value is True or value is False or value is None:
        return value
    raise TypeError(f"true or false is needed, not {type(value).__name__}")


def find_zone(name: str) -> ZoneInfo | timezone:
    """A time zone by its IANA name; zoneinfo keeps each one after its first use.

    Raises:
        ProjectError: the machine knows no such zone.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ProjectError(
            f"unknown time zone {name!r}", hint="use an IANA name; install tzdata if it is one"
        ) from error


def in_utc(value: Any) -> datetime:
    """A moment as UTC; a naive one is taken as UTC."""
    if not isinstance(value, datetime):
        raise TypeError(f"a moment is needed, not {type(value).__name__}")
    if value.tzinfo is UTC:
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
