"""Levels that follow what happened, so that coverage holds while the world moves (adaptive conformal inference: Gibbs
and Candès 2021, "Adaptive conformal inference under distribution shift", equation 2).

After an outcome that was missed the level rises by `RATE` times the share that was asked for; after one that was
covered it falls by `RATE` times the rest. Of T outcomes, each held against the level of its moment, the asked share is
covered but for (1 + RATE) / (RATE T), whatever happens, as long as no level stands at its highest.

Outcomes come late and many at once. They are walked through one by one, each held against the level to which those
before it have led, so that many do not push a level further than it should go; answers take over the last level.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.levels import Levels
from kreis.tasks.metrics.counts import FEW

__all__ = ["RATE", "GroupLevel", "WalkedLevels", "at_most", "begin", "walk"]

RATE = 0.005
"""As in the paper: some 200 outcomes make a difference, and chance moves a level by some 0.015."""


class GroupLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The level of a group, and how many outcomes led to it."""

    level: float
    outcomes: int


class WalkedLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far levels have come."""

    general: float
    """Of all rows."""
    outcomes: int = 0
    """That led to it."""
    groups: dict[str, GroupLevel] = {}

    @property
    def served(self) -> Levels:
        """At which answers are said: a group has its own level once enough of its outcomes are known."""
        own = {name: each.level for name, each in self.groups.items() if each.outcomes >= FEW}
        return Levels(self.general, own)


def begin(level: float) -> WalkedLevels:
    """Levels as they were fitted."""
    return WalkedLevels(general=level)


def walk(
    before: WalkedLevels, grid: QuantileGrid, level: float, beyond: Floats, groups: Sequence[str | None] | None
) -> WalkedLevels:
    """The levels after n further outcomes.

    Args:
        before: How far they have come.
        grid: The quantiles at each level.
        level: The share that was asked for.
        beyond: How far out each outcome was, in the unit of the quantiles, in the order of time, shape (n,).
        groups: The group of each row that has quantiles of its own, None of others; None where there are no groups.
    """
    needed = grid.needed(beyond)
    own = dict(before.groups)
    if groups is not None:
        names = np.array([each or "" for each in groups], dtype=object)
        for name in sorted({each for each in groups if each is not None and each in grid.groups}):
            inside = names == name
            needed[inside] = theirs = grid.needed(beyond[inside], name)
            known = own.get(name, GroupLevel(level, 0))
            moved = _moved(known.level, theirs, level, grid.bounds(name))
            own[name] = GroupLevel(moved, known.outcomes + len(theirs))
    general = _moved(before.general, needed, level, grid.bounds())
    return WalkedLevels(general, before.outcomes + len(beyond), own)


def _moved(at: float, needed: Floats, level: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    up, down = RATE * level, RATE * (1 - level)
    for each in needed.tolist():
        at = at - down if at > each else at + up
        at = low if at < low else high if at > high else at
    return at


def at_most(levels: WalkedLevels, grid: QuantileGrid) -> list[str | None]:
    """The groups whose levels outcomes have raised as far as they can (None is that of all rows): they may cover too
    little. Of few rows the level as it was fitted is the highest already.
    """
    every: list[tuple[str | None, float]] = [(None, levels.general)] if levels.outcomes else []
    every += [(name, each.level) for name, each in levels.groups.items()]
    return [name for name, at in every if at >= grid.bounds(name)[1]]
