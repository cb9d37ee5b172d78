"""How an operation on one row is put together from what reads its arguments. None is null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from kreis.expressions import scalars
from kreis.expressions.readers import truth

__all__ = [
    "Compute",
    "Read",
    "apply",
    "between",
    "both",
    "either",
    "first_known",
    "folded",
    "member",
    "of_options",
    "of_values",
    "when",
]

Read: TypeAlias = Callable[[Mapping[str, Any]], Any]
Compute: TypeAlias = Callable[..., Read]
"""From the arguments' readers, and options by name, to the reader of the result."""


def apply(function: Callable[[Any], Any], read: Read) -> Read:
    """The function of a value; of null, null."""

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


def of_values(function: Callable[..., Any]) -> Compute:
    """A function of one value or of two; a null among them makes null."""

    def compute(*reads: Read) -> Read:
        return _combine(function, *reads) if len(reads) == 2 else apply(function, *reads)

    return compute


def of_options(make: Callable[..., Callable[[Any], Any]]) -> Compute:
    """A function of one value that `make` makes of the options; of null, null."""
    return lambda read, **options: apply(make(**options), read)


def folded(function: Callable[[Any, Any], Any]) -> Compute:
    """A function of two, taken over all arguments that are not null."""

    def compute(*reads: Read) -> Read:
        def fold(row: Mapping[str, Any]) -> Any:
            result = None
            for read in reads:
                value = read(row)
                if value is not None:
                    result = value if result is None else function(result, value)
            return result

        return fold

    return compute


def both(left: Read, right: Read) -> Read:
    """And, in the logic of Kleene (1938)."""

    def read(row: Mapping[str, Any]) -> Any:
        a, b = truth(left(row)), truth(right(row))
        if a is False or b is False:
            return False
        return None if a is None or b is None else True

    return read


def either(left: Read, right: Read) -> Read:
    """Or, in the logic of Kleene (1938)."""

    def read(row: Mapping[str, Any]) -> Any:
        a, b = truth(left(row)), truth(right(row))
        if a is True or b is True:
            return True
        return None if a is None or b is None else False

    return read


def when(predicate: Read, then: Read, otherwise: Read) -> Read:
    """The first branch where it is true, the second where it is false or null."""
    return lambda row: then(row) if truth(predicate(row)) is True else otherwise(row)


def first_known(*reads: Read) -> Read:
    """The first value that is not null."""

    def first(row: Mapping[str, Any]) -> Any:
        for read in reads:
            value = read(row)
            if value is not None:
                return value
        return None

    return first


def member(value: Read, *constants: Read) -> Read:
    """Whether it is among constants; nulls among them count for nothing."""
    chosen = frozenset(read({}) for read in constants) - {None}
    return apply(lambda found: found in chosen, value)


def between(value: Read, lower: Read, upper: Read, *, closed: str) -> Read:
    """Whether it lies between two others; `closed` says which of them belong."""
    above = scalars.greater_equal if closed in ("both", "left") else scalars.greater
    below = scalars.less_equal if closed in ("both", "right") else scalars.less
    return both(_combine(above, value, lower), _combine(below, value, upper))
