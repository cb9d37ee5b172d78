"""Columns as parts of which slices are made, and what these are in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.evaluation.slices import Groups
from kreis.texts import number

__all__ = ["Column", "Part", "category_column", "group_column", "number_column"]

Small = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Part:
    """Some rows of a column: those whose code lies from `first` to `last`."""

    first: int
    last: int
    said: str
    """The condition in words: "age is at most 25"."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column whose values are codes in their order."""

    name: str
    codes: Small
    """Shape (n,); -1 is in no part."""
    count: int
    """Codes there are."""
    parts: tuple[Part, ...]
    """What is looked at by itself: of numbers both tails, and what lies between."""
    bins: tuple[int, ...]
    """The first codes of the wider bins that are paired with those of other columns, ascending from 0."""
    paired: tuple[Part, ...]
    """What is looked at together with parts of other columns: made of whole bins."""

    def rows(self, part: Part) -> Booleans:
        """Which rows lie in a part, shape (n,)."""
        return (self.codes >= part.first) & (self.codes <= part.last)

    def binned(self) -> Small:
        """The wider bin of each row, shape (n,); as many as there are where it is in none."""
        found = np.searchsorted(np.array(self.bins), self.codes, side="right").astype(np.int16) - np.int16(1)
        return np.where(self.codes < 0, np.int16(len(self.bins)), found)

    def of_bins(self) -> Floats:
        """Which bins each of `paired` is made of, shape (paired, bins + 1): ones and zeros."""
        begins = np.array([*self.bins, self.count])
        within = [(begins >= part.first) & (begins <= part.last) for part in self.paired]
        return np.array(within, dtype=np.float64).reshape(len(self.paired), len(begins))


def number_column(name: str, values: Floats, support: float) -> Column:
    """A column of numbers, NaN where missing, in bins of equally many rows.

    Args:
        name: The column's.
        values: Shape (n,).
        support: The least share of rows that a slice may have.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Column(name, np.full(len(values), -1, dtype=np.int16), 0, (), (), ())
    (narrow, wide), least = _bins(support), min((support * len(values) + 1) / len(known), 0.5)
    shares = np.unique([least, *(np.arange(1, narrow) / narrow), *(np.arange(1, wide) / wide), 1 - least])
    cuts = np.quantile(known, shares, method="lower")
    ends = np.unique(cuts)
    ends = ends[ends < known.max()]
    codes = np.searchsorted(ends, values, side="left").astype(np.int16)
    count = len(ends) + 1
    missing = np.isnan(values)
    codes[missing] = count
    lows = [float(known.min()), *(_next(known, codes[~missing], code) for code in range(1, count))]
    highs = [*map(float, ends), float(known.max())]

    def part(first: int, last: int) -> Part:
        if lows[first] == highs[last]:
            return Part(first, last, f"{name} is {number(lows[first])}")
        if first == 0:
            return Part(first, last, f"{name} is at most {number(highs[last])}")
        over = f"{name} is over {number(highs[first - 1])}"
        return Part(first, last, over if last == count - 1 else f"{over} and at most {number(highs[last])}")

    ends_of_bins = np.unique(cuts[np.isin(shares, np.arange(1, wide) / wide)])
    begins = (0, *(1 + int(np.searchsorted(ends, end)) for end in ends_of_bins if end in ends))
    between = [part(first, after - 1) for first, after in pairwise(begins[1:])]
    half = max(len(begins) // 2, 1)
    corners = [part(0, after - 1) for after in begins[1 : half + 1]] + [
        part(each, count - 1) for each in begins[-half:] if each
    ]
    tails = [part(0, last) for last in range(count - 1)] + [part(first, count - 1) for first in range(1, count)]
    gone = [Part(count, count, f"{name} is missing")] if missing.any() else []
    parts, bins = (*tails, *between, *gone), (*begins, *(each.first for each in gone))
    return Column(name, codes, count + len(gone), parts, bins, (*corners, *gone))


def category_column(name: str, values: Floats, texts: Mapping[float, str], support: float) -> Column:
    """A column of categories, which are numbers, NaN where missing; with the texts that they name."""
    kinds, codes = np.unique(values, return_inverse=True)
    said = ["is missing" if np.isnan(each) else f"is {texts.get(float(each), number(float(each)))!r}" for each in kinds]
    return _categories(name, codes, said, support)


def group_column(name: str, groups: Groups, support: float) -> Column:
    """A column that is given as groups."""
    said = ["is missing" if each == "(missing)" else f"is {each!r}" for each in groups.labels]
    return _categories(name, groups.codes, said, support)


def _categories(name: str, codes: npt.NDArray[np.intp], said: list[str], support: float) -> Column:
    """The categories that are frequent enough; the others are in no part."""
    sizes = np.bincount(codes[codes >= 0], minlength=len(said))
    places = np.full(len(said) + 1, -1, dtype=np.int16)
    frequent = np.flatnonzero(sizes >= support * len(codes))
    places[frequent] = np.arange(len(frequent))
    parts = tuple(Part(place, place, f"{name} {said[kind]}") for place, kind in enumerate(frequent))
    return Column(name, places[codes], len(frequent), parts, tuple(range(len(frequent))), parts)


def _bins(support: float) -> tuple[int, int]:
    """How many bins of a column by itself, and of one of a pair: two of these hold the least share of rows."""
    return min(max(int(1 / support), 2), 40), min(max(int(1 / support**0.5), 2), 8)


def _next(known: Floats, codes: Small, code: int) -> float:
    """The least value of a bin."""
    return float(known[codes == code].min())
