"""Regular expressions whose time is bounded: what a model writes must not stop the process that reads it."""

from __future__ import annotations

import math
import re

from kreis.errors import ProjectError

__all__ = ["LONGEST", "check_pattern"]

LONGEST = 1000
"""Characters that are matched at most."""

_MOST_STEPS = 2**22
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(\?|[()|]|[*+?]\??|\{\d*,?\d*\}\??|.", re.DOTALL)
_REPEATS = re.compile(r"([*+?])\??|\{(\d*)(,?)(\d*)\}\??")


def check_pattern(pattern: str, *, where: str) -> None:
    """Refuse a regular expression that can take long on a text of `LONGEST` characters.

    Python's `re` backtracks: a repetition of n to m times can be read in m - n + 1 ways, and the ways multiply. So
    what repeats may hold neither a repetition nor an alternative, nothing may look back or around, and the ways
    together stay under four million, which takes some 50 ms.

    Args:
        pattern: The expression; it is matched against all of a text.
        where: Says in the error what holds it.

    Raises:
        ProjectError: it is none, or of that kind.
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ProjectError(f"{pattern!r} is no regular expression: {error}", where=where) from None
    many_ways = [False]  # of each open group: whether it can be read in several ways
    closed, last, ways = False, "", 0.0
    for token in _TOKEN.findall(pattern):
        if token == "(?" or re.fullmatch(r"\\[1-9]", token):
            raise _refused(pattern, "it looks back or around", where)
        if token in ("(", "(?:"):
            many_ways.append(False)
        elif token == ")":
            closed = many_ways.pop()
            many_ways[-1] |= closed
        elif token == "|":
            many_ways[-1], ways = True, ways + 1
        elif (repeats := _REPEATS.fullmatch(token)) and last not in ("", "(", "(?:", "|"):
            if last == ")" and closed:
                raise _refused(pattern, "what repeats holds a repetition or an alternative", where)
            bits = math.log2(_ways(repeats))
            many_ways[-1] |= bits > 0
            ways += bits
        last = token
    if ways > math.log2(_MOST_STEPS):
        raise _refused(pattern, "its repetitions can be read in too many ways together", where)


def _ways(repeats: re.Match[str]) -> int:
    if repeats[1]:
        return 2 if repeats[1] == "?" else LONGEST
    if not repeats[3]:
        return 1
    least = int(repeats[2] or 0)
    return LONGEST if not repeats[4] else min(LONGEST, int(repeats[4]) - least + 1)


def _refused(pattern: str, why: str, where: str) -> ProjectError:
    hint = "name the characters and their number: [A-Z]{2}-[0-9]{4}"
    return ProjectError(f"{pattern!r} may take too long: {why}", where=where, hint=hint)
