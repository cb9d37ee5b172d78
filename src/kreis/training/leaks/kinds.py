"""All kinds of leaks that are looked for."""

from __future__ import annotations

from collections.abc import Sequence

from kreis.training.leaks.again import Entities, NearTwins, Twins
from kreis.training.leaks.aggregates import WholeTable
from kreis.training.leaks.copies import Function, LaterOutcome, Together
from kreis.training.leaks.leak import Leak, LeakKind, Searched
from kreis.training.leaks.telling import OnlyAfterwards, TellsAlone

__all__ = ["LEAKS", "find_leaks"]

LEAKS: Sequence[LeakKind] = (
    Together(),
    WholeTable(),
    LaterOutcome(),
    TellsAlone(),
    OnlyAfterwards(),
    Function(),
    Twins(),
    NearTwins(),
    Entities(),
)
"""A column is held to the first of them that finds it."""


def find_leaks(searched: Searched) -> list[Leak]:
    """Everything that lets a model look better than it is, each column once."""
    found: dict[str, Leak] = {}
    for kind in LEAKS:
        for leak in kind.find(searched):
            held = found.get(leak.column)
            if held is None or (leak.refused and not held.refused):
                found[leak.column] = leak
    return list(found.values())
