"""All kinds of leaks that are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kreis.training.leaks.again import Entities, NearTwins, Twins
from kreis.training.leaks.aggregates import WholeTable
from kreis.training.leaks.copies import Function, LaterOutcome, Together
from kreis.training.leaks.leak import Leak, LeakKind, Searched
from kreis.training.leaks.telling import FarAhead, OnlyAfterwards, TellsAlone

__all__ = ["LEAKS", "find_leaks"]

_OF_FEATURES: Sequence[LeakKind] = (
    Together(),
    WholeTable(),
    LaterOutcome(),
    TellsAlone(),
    OnlyAfterwards(),
    Function(),
    FarAhead(),
)
_OF_ROWS: Sequence[LeakKind] = (Twins(), NearTwins(), Entities())
LEAKS: Sequence[LeakKind] = (*_OF_FEATURES, *_OF_ROWS)
"""In this order: a column is held to the first that finds it, or to the first that refuses it."""


def find_leaks(searched: Searched) -> list[Leak]:
    """Everything that lets a model look better than it is, each column once. Rows are compared by honest features."""
    found: dict[str, Leak] = {}
    _add(found, _OF_FEATURES, searched)
    honest = [name for name in searched.data.features if name not in found or not found[name].refused]
    if honest:
        _add(found, _OF_ROWS, replace(searched, data=searched.data.select(honest)))
    return list(found.values())


def _add(found: dict[str, Leak], kinds: Sequence[LeakKind], searched: Searched) -> None:
    for kind in kinds:
        for leak in kind.find(searched):
            held = found.get(leak.column)
            if held is None or (leak.refused and not held.refused):
                found[leak.column] = leak
