"""The operations on single values. None never comes in here unless said; it means null where it goes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import numpy as np

from kreis.expressions.readers import as_number, find_zone, truth

_LIMIT: Final = 2**63
_WHOLE: Final = 2.0**52
"""From here on every float is a whole number."""
_NAN: Final = math.nan


def wrap(value: Any) -> int:
    """An integer as 64 bits hold it.

    Raises:
        TypeError: it is no integer.
    """
    if not isinstance(value, int):
        raise TypeError(f"a number is needed, not {type(value).__name__}")
    return int(value) if -_LIMIT <= value < _LIMIT else (value + _LIMIT) % (2 * _LIMIT) - _LIMIT


# Arithmetic


def add(a: Any, b: Any) -> Any:
    """Float, or integer modulo 2^64."""
    result = a + b
    return result if result.__class__ is float else wrap(result)


def subtract(a: Any, b: Any) -> Any:
    """Float, integer modulo 2^64, or the time between two moments."""
    result = a - b
    if result.__class__ is float or result.__class__ is timedelta:
        return result
    return wrap(result)


def multiply(a: Any, b: Any) -> Any:
    """Float, or integer modulo 2^64."""
    result = float(a) * float(b) if a.__class__ is float or b.__class__ is float else a * b
    return result if result.__class__ is float else wrap(result)


def divide(a: Any, b: Any) -> float:
    """Always a float; by zero as IEEE 754 has it."""
    x, y = float(a), float(b)
    if y != 0.0:
        return x / y
    if x == 0.0 or x != x:
        return _NAN
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def floor_divide(a: Any, b: Any) -> Any:
    """Rounded down; an integer divided by zero is null."""
    if a.__class__ is float or b.__class__ is float:
        return floor(divide(a, b))
    return None if b == 0 else wrap(a // b)


def modulo(a: Any, b: Any) -> Any:
    """With the divisor's sign; an integer modulo zero is null."""
    if a.__class__ is float or b.__class__ is float:
        x, y = float(a), float(b)
        return x - floor(divide(x, y)) * y
    return None if b == 0 else wrap(a % b)


def negate(value: Any) -> Any:
    """Minus."""
    return -value if value.__class__ is float else wrap(-value)


def absolute(value: Any) -> Any:
    """Without the sign; the least integer stays as it is."""
    return abs(value) if value.__class__ is float else wrap(abs(value))


def power(exponent: float) -> Callable[[Any], Any]:
    """To a constant power. Whole powers up to 9 are products from left to right, as in Polars."""
    if isinstance(exponent, int):
        real = power(float(exponent))
        return lambda value: real(value) if value.__class__ is float else wrap(pow(_signed(value), exponent, 2**64))
    if exponent == 0.5:
        return sqrt
    if exponent in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0):
        return lambda value: _product(float(value), int(exponent))
    return lambda value: _pow(float(value), exponent)


def _signed(value: Any) -> int:
    return wrap(value) % 2**64


def _product(value: float, times: int) -> float:
    result = value
    for _ in range(times - 1):
        result *= value
    return result


def _pow(value: float, exponent: float) -> float:
    try:
        return math.pow(value, exponent)
    except (OverflowError, ValueError):
        with np.errstate(all="ignore"):
            return float(np.power(value, exponent))


# Rounding


def floor(value: Any) -> Any:
    """The largest whole number that is not above; integers as they are."""
    if value.__class__ is not float:
        return wrap(value)
    return math.copysign(math.floor(value), value) if -_WHOLE < value < _WHOLE else value


def ceil(value: Any) -> Any:
    """The least whole number that is not below; integers as they are."""
    if value.__class__ is not float:
        return wrap(value)
    return math.copysign(math.ceil(value), value) if -_WHOLE < value < _WHOLE else value


def _half_to_even(value: float) -> float:
    return math.copysign(round(value), value) if -_WHOLE < value < _WHOLE else value


def _half_away(value: float) -> float:
    if not -_WHOLE < value < _WHOLE:
        return value
    whole = math.trunc(value)
    if abs(value - whole) >= 0.5:
        whole += 1 if value > 0 else -1
    return math.copysign(whole, value)


def rounded(decimals: int, mode: str) -> Callable[[Any], Any]:
    """Scaled by a power of ten, rounded, scaled back: Polars' way, not the decimal one."""
    nearest = _half_to_even if mode == "half_to_even" else _half_away
    factor = 10.0**decimals

    def apply(value: Any) -> Any:
        if value.__class__ is not float:
            return wrap(value)
        scaled = value * factor
        return nearest(scaled) / factor if math.isfinite(scaled) else value

    return apply


def clip(lower: float | None = None, upper: float | None = None) -> Callable[[Any], Any]:
    """Not below `lower`, then not above `upper`; for an integer both are cut to integers first."""

    def apply(value: Any) -> Any:
        kind = float if value.__class__ is float else int
        if lower is not None and value < kind(lower):
            return kind(lower)
        return kind(upper) if upper is not None and value > kind(upper) else value

    return apply


# Functions of a real number


def sqrt(value: Any) -> float:
    """NaN below zero."""
    number = float(value)
    return math.sqrt(number) if not number < 0 else _NAN


def exp(value: Any) -> float:
    """Infinity where it overflows."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def log(value: Any) -> float:
    """Natural; minus infinity at zero, NaN below."""
    number = float(value)
    if number > 0 or number != number:
        return math.log(number)
    return -math.inf if number == 0 else _NAN


def log_to(base: float) -> Callable[[Any], Any]:
    """To a base."""
    divisor = math.log(base)
    return lambda value: divide(log(value), divisor)


def log1p(value: Any) -> float:
    """Minus infinity at -1, NaN below."""
    number = float(value)
    if number > -1 or number != number:
        return math.log1p(number)
    return -math.inf if number == -1 else _NAN


def sin(value: Any) -> float:
    """NaN at infinity."""
    return math.sin(value) if not math.isinf(value) else _NAN


def cos(value: Any) -> float:
    """NaN at infinity."""
    return math.cos(value) if not math.isinf(value) else _NAN


# Comparison: an integer meets a float as a float; NaN equals NaN and is above all else


def _meet(a: Any, b: Any) -> tuple[Any, Any]:
    if a.__class__ is not b.__class__ and (a.__class__ is float or b.__class__ is float):
        return as_number(a), as_number(b)
    return a, b


def equal(a: Any, b: Any) -> bool:
    """Whether both are the same."""
    a, b = _meet(a, b)
    return bool(a == b or (a != a and b != b))


def not_equal(a: Any, b: Any) -> bool:
    """Whether they differ."""
    return not equal(a, b)


def less(a: Any, b: Any) -> bool:
    """Whether the first is below."""
    a, b = _meet(a, b)
    return bool(a < b or (b != b and a == a))


def greater(a: Any, b: Any) -> bool:
    """Whether the first is above."""
    a, b = _meet(a, b)
    return bool(a > b or (a != a and b == b))


def less_equal(a: Any, b: Any) -> bool:
    """Whether the first is not above."""
    return not greater(a, b)


def greater_equal(a: Any, b: Any) -> bool:
    """Whether the first is not below."""
    return not less(a, b)


def lesser(a: Any, b: Any) -> Any:
    """The smaller one; NaN gives way, and of two equal ones the second stays."""
    if a != a:
        return b
    return a if b != b or a < b else b


def larger(a: Any, b: Any) -> Any:
    """The larger one; NaN gives way, and of two equal ones the second stays."""
    if a != a:
        return b
    return a if b != b or a > b else b


def exclusive_or(a: Any, b: Any) -> bool:
    """One of them, not both."""
    return truth(a) is not truth(b)


# Casts


def _to_integer(value: Any) -> int | None:
    if value.__class__ is not float:
        return wrap(value)
    return int(value) if -float(_LIMIT) <= value < float(_LIMIT) else None


def _to_boolean(value: Any) -> bool:
    if isinstance(value, int | float):
        return value != 0
    raise TypeError(f"a number is needed, not {type(value).__name__}")


def cast(to: str) -> Callable[[Any], Any]:
    """To a number, an integer (null where none fits) or a boolean."""
    casts: dict[str, Callable[[Any], Any]] = {"number": as_number, "integer": _to_integer, "boolean": _to_boolean}
    return casts[to]


@lru_cache(maxsize=65_536)
def category(text: str) -> int:
    """A text's number: 24 bits of its SHA-256, which float32 holds exactly. Two texts share one with chance 6e-8."""
    return int.from_bytes(sha256(text.encode()).digest()[:3], "big")


# Tests of one value


def negation(value: Any) -> bool:
    """Not."""
    return not truth(value)


def is_nan(value: Any) -> bool:
    """Whether it is not a number; an integer always is one."""
    number = as_number(value)
    return number != number


def is_not_nan(value: Any) -> bool:
    """Whether it is a number."""
    return not is_nan(value)


def is_finite(value: Any) -> bool:
    """Whether it is neither infinite nor NaN."""
    return math.isfinite(as_number(value))


def is_infinite(value: Any) -> bool:
    """Whether it is plus or minus infinity."""
    return math.isinf(as_number(value))


# Time


def to_zone(zone: str) -> Callable[[Any], Any]:
    """The same moment as a clock in that zone shows it."""
    place = find_zone(zone)
    return lambda value: value.astimezone(place)


def ordinal_day(value: datetime) -> int:
    """The day of the year, from 1 on."""
    return value.toordinal() - date(value.year, 1, 1).toordinal() + 1


def total(microseconds: int) -> Callable[[Any], int]:
    """Whole units of a duration, cut towards zero."""

    def apply(value: timedelta) -> int:
        whole = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return whole // microseconds if whole >= 0 else -(-whole // microseconds)

    return apply


# Texts


def starts_with(text: str) -> Callable[[Any], Any]:
    """Whether a text begins with it."""
    return lambda value: value.startswith(text)


def ends_with(text: str) -> Callable[[Any], Any]:
    """Whether a text ends with it."""
    return lambda value: value.endswith(text)


def split_len(by: str) -> Callable[[Any], Any]:
    """How many parts a text has; the empty one has one."""
    return lambda value: value.count(by) + 1


def split_contains(by: str, item: str) -> Callable[[Any], Any]:
    """Whether it is a part of a text."""
    return lambda value: item in value.split(by)


def contains(text: str) -> Callable[[Any], Any]:
    """Whether it stands in a text."""
    return lambda value: text in value
