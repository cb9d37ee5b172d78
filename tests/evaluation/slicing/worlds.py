"""Rows with eight columns of numbers and three of categories, of which none has to do with what a model loses."""

from __future__ import annotations

from typing import Any

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.evaluation.slices import group_codes
from kreis.evaluation.slicing.columns import Column, group_column, number_column
from kreis.evaluation.slicing.search import Loss, Searched, search

SHAPES = {"tail": 4.0, "between the bins": 5.0, "category": 4.0, "category and half": 5.0, "corner": 5.0}
"""Slices, and by how many standard errors they are worse: pairs are four times as many."""


class World:
    def __init__(self, seed: int, rows: int = 4_000) -> None:
        self.rng = np.random.default_rng(seed)
        self.numbers = self.rng.normal(size=(rows, 8))
        self.numbers[self.rng.random((rows, 8)) < 0.02] = np.nan
        self.kinds = self.rng.integers(0, 5, (rows, 3))
        numbers = [number_column(f"n{place}", self.numbers[:, place], 0.05) for place in range(8)]
        kinds = [group_column(f"k{place}", group_codes(self.kinds[:, place]), 0.05) for place in range(3)]
        self.columns: list[Column] = [*numbers, *kinds]

    def losses(self, kind: str) -> Floats:
        rows = len(self.numbers)
        if kind == "wrong":
            return (self.rng.random(rows) < 0.15).astype(np.float64)
        return self.rng.lognormal(0, 1, rows) if kind == "skewed" else np.abs(self.rng.normal(size=rows))

    def slice(self, shape: str) -> Booleans:
        """A slice of at least 5 % of the rows."""
        first, second = self.numbers[:, 0], self.numbers[:, 1]
        match shape:
            case "tail":
                parts = [part for part in self.columns[0].parts if 0.05 <= self.columns[0].rows(part).mean() <= 0.3]
                return self.columns[0].rows(parts[self.rng.integers(len(parts))])
            case "between the bins":
                return first <= np.nanquantile(first, self.rng.uniform(0.055, 0.3))
            case "category":
                return self.kinds[:, 0] == 2
            case "category and half":
                return (self.kinds[:, 0] == 2) & (first > np.nanmedian(first))
            case _:
                return (first <= np.nanquantile(first, 0.25)) & (second > np.nanquantile(second, 0.5))

    def spoilt(self, inside: Booleans, errors: float) -> Floats:
        """Losses of 0 and 1, with so many more in a slice that it is worse by some standard errors."""
        losses = self.losses("wrong")
        for row in self.rng.permutation(np.flatnonzero(inside & (losses == 0))):
            if worse_by(losses, inside) >= errors:
                break
            losses[row] = 1.0
        return losses

    def found(self, losses: Floats, blocks: Any = None) -> Searched:
        return search(self.columns, Loss(losses, blocks), support=0.05, rate=0.1, most=5, least=30)


def worse_by(losses: Floats, inside: Booleans) -> float:
    """How many standard errors the loss of some rows is above that of the others."""
    one, other = losses[inside], losses[~inside]
    return float((one.mean() - other.mean()) / np.sqrt(one.var() / len(one) + other.var() / len(other)))


def alike(first: Booleans, second: Booleans) -> float:
    """Rows in both over rows in any."""
    return float((first & second).sum() / (first | second).sum())
