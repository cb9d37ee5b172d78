"""The kinds of values that kreis computes with, narrower than Polars' types on purpose.

There are six: booleans, 64-bit integers, 64-bit floats ("number"), strings, moments (in UTC: "datetime"; shown in
another zone: "local") and durations. A column of unknown kind is "any": its values are then looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias
from typing import Literal as OneOf

from kreis.errors import ProjectError

__all__ = ["EVERY", "MOMENT", "NUMERIC", "SPAN", "TEXT", "TRUTH", "Kind", "spoken", "unify"]

Kind: TypeAlias = OneOf["boolean", "integer", "number", "string", "datetime", "local", "duration", "null", "any"]

NUMERIC: Final[frozenset[Kind]] = frozenset({"integer", "number", "null", "any"})
TRUTH: Final[frozenset[Kind]] = frozenset({"boolean", "null", "any"})
TEXT: Final[frozenset[Kind]] = frozenset({"string", "null", "any"})
MOMENT: Final[frozenset[Kind]] = frozenset({"datetime", "local", "null", "any"})
SPAN: Final[frozenset[Kind]] = frozenset({"duration", "null", "any"})
EVERY: Final[frozenset[Kind]] = NUMERIC | TRUTH | TEXT | MOMENT | SPAN


def unify(name: str, kinds: Iterable[Kind], where: str | None = None) -> Kind:
    """The one kind that values of several kinds come out as: integers and numbers together are numbers.

    Raises:
        ProjectError: there is none.
    """
    found = set(kinds) - {"null"}
    if not found:
        return "null"
    if "local" in found:
        raise ProjectError(
            f"{name} does not take a time in another zone",
            where=where,
            hint="convert the zone last, next to .dt.hour()",
        )
    known = found - {"any"}
    if known <= {"integer", "number"} and known:
        if "number" in known:
            return "number"
        return "any" if "any" in found else "integer"
    if len(known) > 1:
        raise ProjectError(f"{name} mixes {' and '.join(sorted(known))}", where=where, hint="cast one of them")
    return "any" if "any" in found else known.pop()


def spoken(kind: Kind) -> str:
    """The kind with its article, for messages."""
    return {"integer": "an integer", "local": "a time in another zone"}.get(kind, f"a {kind}")
