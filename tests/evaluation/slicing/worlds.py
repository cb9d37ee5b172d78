"""Rows with eight columns of numbers and three of categories, of which none has to do with what a model loses."""

from __future__ import annotations

from typing import Any

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.evaluation.slices import Groups, group_codes
from kreis.evaluation.slicing.columns import Column, group_column, number_column
from kreis.evaluation.slicing.search import Searched, search
from kreis.evaluation.slicing.sums import Loss

SHAPES = ("tail", "between the bins", "middle", "category", "category and tail", "corner")
"""Slices whose ends lie where they like, but for the first and the fourth."""


class World:
    """Rows that are tested, and four fifths as many before them, as a random split leaves for validation."""

    def __init__(self, seed: int, rows: int = 4_000, before: int | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows, every = rows, rows + (rows * 4 // 5 if before is None else before)
        self.numbers = self.rng.normal(size=(every, 8))
        self.numbers[self.rng.random((every, 8)) < 0.02] = np.nan
        self.kinds = self.rng.integers(0, 5, (every, 3))
        self.columns: list[Column] = [self.number(f"n{place}", self.numbers[:, place]) for place in range(8)]
        self.columns += [self.category(f"k{place}", self.kinds[:, place]) for place in range(3)]

    def number(self, name: str, values: Floats) -> Column:
        return number_column(name, values[: self.rows], 0.05, values[self.rows :])

    def category(self, name: str, values: Any) -> Column:
        groups = group_codes(values)
        return group_column(name, Groups(groups.labels, groups.codes[: self.rows]), 0.05, groups.codes[self.rows :])

    def losses(self, kind: str) -> Floats:
        """What all rows lost, those before among them."""
        rows = len(self.numbers)
        if kind == "wrong":
            return (self.rng.random(rows) < 0.15).astype(np.float64)
        if kind == "mostly wrong":
            return (self.rng.random(rows) < 0.85).astype(np.float64)
        return self.rng.lognormal(0, 1, rows) if kind == "skewed" else np.abs(self.rng.normal(size=rows))

    def slice(self, shape: str) -> Booleans:
        """A slice of at least 5% of the rows."""
        first, second = self.numbers[:, 0], self.numbers[:, 1]
        low, at = self.rng.uniform(0.1, 0.5), self.rng.uniform
        match shape:
            case "tail":
                return first <= np.nanquantile(first[: self.rows], self.rng.integers(2, 7) / 20, method="lower")
            case "between the bins":
                return first <= np.nanquantile(first, at(0.055, 0.3))
            case "middle":
                return (first > np.nanquantile(first, low)) & (first <= np.nanquantile(first, low + at(0.08, 0.3)))
            case "category":
                return self.kinds[:, 0] == 2
            case "category and tail":
                return (self.kinds[:, 0] == 2) & (first <= np.nanquantile(first, at(0.3, 0.8)))
            case _:
                share, one = at(0.06, 0.3), at(0.0, 1.0)
                one = 0.7 ** (1 - one) * (share / 0.7) ** one
                return (first <= np.nanquantile(first, one)) & (second > np.nanquantile(second, 1 - share / one))

    def spoilt(self, inside: Booleans, errors: float) -> Floats:
        """Losses of 0 and 1, with so many more in a slice that it is worse by some standard errors in the rows that are
        tested; before these as many more are to be expected.
        """
        losses, tested = self.losses("wrong"), slice(self.rows)
        right = np.flatnonzero(inside[tested] & (losses[tested] == 0))
        changed = 0
        for row in self.rng.permutation(right):
            if worse_by(losses[tested], inside[tested]) >= errors:
                break
            losses[row] = 1.0
            changed += 1
        before = inside & (losses == 0) & (np.arange(len(losses)) >= self.rows)
        losses[before & (self.rng.random(len(losses)) < changed / len(right))] = 1.0
        return losses

    def found(self, losses: Floats, blocks: Any = None, *, before: bool = True) -> Searched:
        earlier = None if blocks is None else blocks[self.rows :] - blocks[self.rows :].min(initial=0)
        return search(
            self.columns,
            Loss.of(losses[: self.rows], None if blocks is None else blocks[: self.rows]),
            support=0.05,
            rate=0.1,
            most=5,
            least=30,
            before=Loss.of(losses[self.rows :], earlier) if before and len(losses) > self.rows else None,
        )


def worse_by(losses: Floats, inside: Booleans) -> float:
    """How many standard errors the loss of some rows is above that of the others."""
    one, other = losses[inside], losses[~inside]
    return float((one.mean() - other.mean()) / np.sqrt(one.var() / len(one) + other.var() / len(other)))


def alike(first: Booleans, second: Booleans) -> float:
    """Rows in both over rows in any."""
    return float((first & second).sum() / (first | second).sum())
