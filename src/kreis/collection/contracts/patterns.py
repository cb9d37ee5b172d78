"""Regular expressions of contracts: the formats, and which patterns the service can hold single values to.

Collection matches with Polars (Rust's engine, in linear time), the service with Python's `re`. Polars is not imported
here: the service reads this too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]  # the standard library's own, of which `sre_parse` is the old name
from typing import Any

__all__ = ["FORMATS", "ascii_classes", "for_format", "for_values"]

_ASCII = {"d": "[0-9]", "D": "[^0-9]", "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]"}
_IPV4 = r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
FORMATS = {
    "email": r"^[^@\s]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$",
    "uuid": r"^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$",
    "hostname": r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    "ipv4": f"^{_IPV4}$",
    "ipv6": r"^(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}$",
}
_SAME_IN_BOTH = re.compile(
    r"\\[.*+?()\[\]{}|^$\\/dDwWsSntr-]|\[\^?\]?(?:\\[^pPxuU]|[^\\\[\]&~-]|-(?!-))*\]|\(\?:|\((?!\?)|[^\\\[(]"
)
"""One piece of a pattern that Rust's engine and Python's read alike."""
_VARIABLE = 2
"""A pattern has at most so many repeats of variable length, of which the lack of an anchor is one: then matching takes
no more than the square of a text's length, and texts of requests have a thousand characters at most."""


def for_format(name: str) -> str:
    """The pattern of one of `FORMATS` as `re` has it."""
    return FORMATS[name].replace("$", r"\Z")


def ascii_classes(pattern: str) -> str:
    r"""The pattern with \d, \w and their opposites as ECMA-262 has them, whose patterns the standard uses: ASCII."""
    return re.sub(r"\\(.)", lambda escape: _ASCII.get(escape[1], escape[0]), pattern, flags=re.DOTALL)


def for_values(pattern: str) -> str | None:
    """A contract's pattern as `re` has it; None where `re` would read it otherwise, or could take long over a text."""
    pieces = _SAME_IN_BOTH.findall(pattern)
    if "".join(pieces) != pattern:
        return None
    translated = ascii_classes("".join(r"\Z" if piece == "$" else piece for piece in pieces))
    try:
        with warnings.catch_warnings(action="error"):
            parsed = list(_parser.parse(translated))
    except (re.error, FutureWarning, DeprecationWarning, RecursionError):
        return None
    anchored = bool(parsed) and parsed[0] == (_parser.AT, _parser.AT_BEGINNING)
    try:
        repeats = _variable(parsed, repeated=False) + (not anchored)
    except ValueError:
        return None
    return translated if repeats <= _VARIABLE else None


def _variable(parsed: Iterable[tuple[Any, Any]], *, repeated: bool) -> int:
    """The repeats of variable length.

    Raises:
        ValueError: one of them, or a choice, is inside a repeat; or something unknown is there.
    """
    count = 0
    for kind, held in parsed:
        if kind in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            low, high, body = held
            if low != high and repeated:
                raise ValueError("a repeat inside a repeat")
            count += (low != high and high > 1) + _variable(body, repeated=repeated or high > 1)
        elif kind is _parser.BRANCH:
            if repeated:
                raise ValueError("a choice inside a repeat")
            count += sum(_variable(each, repeated=False) for each in held[1])
        elif kind is _parser.SUBPATTERN:
            count += _variable(held[-1], repeated=repeated)
        elif kind not in (_parser.LITERAL, _parser.NOT_LITERAL, _parser.IN, _parser.ANY, _parser.AT):
            raise ValueError(f"unknown: {kind}")
    return count
