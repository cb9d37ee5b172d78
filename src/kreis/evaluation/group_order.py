"""Groups whose names say an order stand in it: numbers, bins of numbers, moments, days of the week, months."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["in_order"]

_MISSING = ("missing", "(missing)")
_MOST = 1_000
_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_BELOW, _ABOVE = re.compile(f"up to ({_NUMBER})"), re.compile(f"over ({_NUMBER})")
_NUMBERS = re.compile(f"({_NUMBER})(?: to {_NUMBER})?")
_MOMENT = re.compile(r"\d{4}-\d\d(-\d\d([ T]\d\d:\d\d.*)?)?|\d\d:\d\d(:\d\d)?")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def in_order(labels: Sequence[str]) -> list[int] | None:
    """The places of some names in the order of what they say, missing values last; None where they say none.

    Args:
        labels: Different names.

    Example:

    >>> in_order(["over 40", "10 to 40", "up to 10", "(missing)"])
    [2, 1, 0, 3]
    >>> in_order(["red", "blue"]) is None
    True
    """
    known = [place for place, label in enumerate(labels) if label not in _MISSING]
    if len(known) < 2 or len(known) > _MOST:
        return None
    for key in (_as_number, _as_moment, _as_day, _as_month):
        keys = {place: found for place in known if (found := key(labels[place])) is not None}
        if len(keys) == len(known):
            gone = [place for place in range(len(labels)) if place not in keys]
            return sorted(known, key=lambda place: keys[place]) + gone
    return None


def _as_number(label: str) -> tuple[float, str] | None:
    """Of a bin its lower end."""
    if _BELOW.fullmatch(label):
        return float("-inf"), ""
    found = _NUMBERS.fullmatch(label) or _ABOVE.fullmatch(label)
    return None if found is None else (float(found[1]), label)


def _as_moment(label: str) -> tuple[float, str] | None:
    return (0.0, label) if _MOMENT.fullmatch(label) else None


def _as_day(label: str) -> tuple[float, str] | None:
    return _as_one_of(_DAYS, label)


def _as_month(label: str) -> tuple[float, str] | None:
    return _as_one_of(_MONTHS, label)


def _as_one_of(names: Sequence[str], label: str) -> tuple[float, str] | None:
    """A name, or its first three letters."""
    said = label.lower().rstrip(".")
    found = next((place for place, name in enumerate(names) if said in (name, name[:3])), None)
    return None if found is None else (float(found), "")
