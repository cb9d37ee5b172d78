"""Columns as parts of which slices are made, and what these are in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.slices import Groups
from kreis.texts import number

__all__ = ["Column", "Spans", "category_column", "group_column", "number_column"]

Small = npt.NDArray[np.int16]
_WIDEST = 0.75
"""The share of rows that a part of a pair has at most: of a wider one the other part alone tells nearly as much."""
_NONE_BEFORE = np.zeros(0)
_NO_PARTS = np.zeros((0, 2), dtype=np.int64)


class Spans(NamedTuple):
    """Neighbouring codes that are taken together, m times."""

    first: Codes
    """Shape (m,)."""
    after: Codes
    """The first code that is no more in each, shape (m,)."""
    codes: int
    """How many there are, that of rows in no part among them."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column whose values are codes in their order."""

    name: str
    codes: Small
    """Shape (n,); -1 is in no part."""
    before: Small
    """The same of v other rows, which are no part of what is judged; shape (v,)."""
    words: tuple[str, ...]
    """What the rows of a category have in common ("is missing"), one of each code; of numbers only what stands after
    them is such a category."""
    ends: tuple[tuple[float, float], ...]
    """The least and the greatest number of each code; empty where it is a column of categories."""
    parts: Codes
    """What is looked at by itself: of numbers all that lies between two cuts, below one and above one. The first and
    the last code of each, shape (m, 2)."""
    bins: tuple[int, ...]
    """The first codes of the wider bins that are paired with those of other columns, ascending from 0."""
    paired: Codes
    """What is looked at together with parts of other columns, made of whole bins: as `parts`."""

    @property
    def count(self) -> int:
        """Codes there are."""
        return len(self.ends) + len(self.words)

    def rows(self, part: Codes, *, everywhere: bool = False) -> Booleans:
        """Which rows lie in a part, shape (n,); with the others after them, shape (n + v,)."""
        first, last = part
        codes = np.concatenate([self.codes, self.before]) if everywhere else self.codes
        found: Booleans = (codes >= first) & (codes <= last)
        return found

    def said(self, part: Codes) -> str:
        """The condition in words: "age is at most 25"."""
        first, last = map(int, part)
        if first >= len(self.ends):
            return f"{self.name} {self.words[first - len(self.ends)]}"
        low, high = self.ends[first][0], self.ends[last][1]
        if low == high:
            return f"{self.name} is {number(low)}"
        if first == 0:
            return f"{self.name} is at most {number(high)}"
        over = f"{self.name} is over {number(self.ends[first - 1][1])}"
        return over if last == len(self.ends) - 1 else f"{over} and at most {number(high)}"

    def of_codes(self) -> Spans:
        """Which codes each of `parts` is made of."""
        return Spans(self.parts[:, 0], self.parts[:, 1] + 1, self.count + 1)

    def of_bins(self) -> Spans:
        """Which bins each of `paired` is made of."""
        first, last = np.searchsorted(np.array(self.bins), self.paired, side="right").T - 1
        return Spans(first, last + 1, len(self.bins) + 1)

    def coded(self, codes: Small) -> Codes:
        """Codes of rows with one more for what is in no part."""
        return np.where(codes < 0, self.count, codes).astype(np.int64)

    def binned(self, codes: Small) -> npt.NDArray[np.int32]:
        """The wider bin of some rows; as many as there are where they are in none."""
        bin_of = np.searchsorted(np.array(self.bins), np.arange(self.count), side="right") - 1
        return np.array([*bin_of, len(self.bins)], dtype=np.int32)[codes]  # -1 takes the last one


def number_column(name: str, values: Floats, support: float, before: Floats = _NONE_BEFORE) -> Column:
    """A column of numbers, NaN where missing, in bins of equally many rows.

    Args:
        name: The column's.
        values: Shape (n,).
        support: The least share of rows that a slice may have.
        before: Values of other rows, shape (v,), which take the same bins.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        codes, earlier = (np.full(len(each), -1, dtype=np.int16) for each in (values, before))
        return Column(name, codes, earlier, (), (), _NO_PARTS, (), _NO_PARTS)
    (narrow, wide), least = _bins(support), min((support * len(values) + 1) / len(known), 0.5)
    wider = np.arange(1, wide) / wide
    ends = _cuts(known, np.array([least, *(np.arange(1, narrow) / narrow), *wider, 1 - least]))
    last = len(ends)
    codes, earlier = (
        np.where(np.isnan(each), last + 1, np.searchsorted(ends, each, side="left")).astype(np.int16)
        for each in (values, before)
    )
    missing = len(known) < len(values)
    if not missing:
        earlier[earlier > last] = -1
    gone = np.full((int(missing), 2), last + 1)
    lows = known[[0, *np.searchsorted(known, ends, side="right")]]
    between = np.stack(np.triu_indices(last + 1), axis=1)
    parts = between[~((between[:, 0] == 0) & (between[:, 1] == last))]
    begins = 1 + np.searchsorted(ends, _cuts(known, wider))
    below = np.searchsorted(known, [*ends, np.inf], side="right")[begins - 1] / len(known)
    tails = [(0, begin - 1) for begin in begins[below <= _WIDEST]]
    tails += [(begin, last) for begin in begins[below >= 1 - _WIDEST]]
    return Column(
        name,
        codes,
        earlier,
        ("is missing",) * missing,
        tuple(zip(lows.tolist(), [*ends.tolist(), float(known[-1])], strict=True)),
        np.concatenate([parts, gone]),
        (0, *begins.tolist(), *gone[:, 0].tolist()),
        np.concatenate([np.array(tails, dtype=np.int64).reshape(-1, 2), gone]),
    )


def _cuts(known: Floats, shares: Floats) -> Floats:
    """Up to where some shares of ascending numbers reach: different ones, below the greatest."""
    cuts: Floats = np.unique(known[np.floor(shares * (len(known) - 1)).astype(int)])
    below: Floats = cuts[cuts < known[-1]]
    return below


def category_column(
    name: str, values: Floats, texts: Mapping[float, str], support: float, before: Floats = _NONE_BEFORE
) -> Column:
    """A column of categories, which are numbers, NaN where missing; with the texts that they name."""
    kinds, codes = np.unique(values, return_inverse=True)
    said = ["is missing" if np.isnan(each) else f"is {texts.get(float(each), number(float(each)))!r}" for each in kinds]
    place = np.minimum(np.searchsorted(kinds, before), len(kinds) - 1)
    known = (kinds[place] == before) | (np.isnan(kinds[place]) & np.isnan(before))
    return _categories(name, codes, np.where(known, place, -1), said, support)


def group_column(name: str, groups: Groups, support: float, before: Codes | None = None) -> Column:
    """A column that is given as groups; with the groups of other rows, if there are any."""
    said = ["is missing" if each == "(missing)" else f"is {each!r}" for each in groups.labels]
    earlier = np.zeros(0, dtype=np.int64) if before is None else before
    return _categories(name, groups.codes, earlier, said, support)


def _categories(name: str, codes: Codes, before: Codes, said: list[str], support: float) -> Column:
    """The categories that are frequent enough; the others are in no part."""
    sizes = np.bincount(codes[codes >= 0], minlength=len(said))
    places = np.full(len(said) + 1, -1, dtype=np.int16)
    frequent = np.flatnonzero(sizes >= support * len(codes))
    places[frequent] = np.arange(len(frequent))
    parts, words = np.repeat(np.arange(len(frequent)), 2).reshape(-1, 2), tuple(said[each] for each in frequent)
    return Column(name, places[codes], places[before], words, (), parts, tuple(range(len(frequent))), parts)


def _bins(support: float) -> tuple[int, int]:
    """How many bins of a column by itself, of which one holds the least share of rows, and of one of a pair."""
    return min(max(int(1 / support), 2), 40), min(max(int(2.25 / support**0.5), 4), 20)
