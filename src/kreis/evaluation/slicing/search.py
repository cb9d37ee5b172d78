"""The search: each part of each column, and of each pair of columns, against all other rows.

How false discoveries are bounded: each slice has a one-sided p-value of Student's t (Welch's; or of the sums by block,
where rows of one block move together). The k-th slice that is shown has one of at most k times the rate over the number
of slices that were looked at: the constants of Benjamini and Hochberg (1995), from the clearest slice downward, which
is the stricter direction. Single columns and pairs have one half of the rate each. All but the first are tested on what
is left once the rows of those before stand at their own mean: else the shadows of one true slice, of which there are
hundreds, would make room for false ones. The bound holds for tests that do not pull against each other (Benjamini and
Yekutieli 2001, theorem 1.2). Slices that exclude each other do so a little; simulation shows that the rate holds
(`tests/evaluation/slicing/test_search.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.slicing.columns import Column, Part
from kreis.evaluation.slicing.shrinking import shrunken

__all__ = ["Cell", "Loss", "Searched", "search"]

_FEWEST_BLOCKS = 8
_MOST_COLUMNS = 40
_TRIED = 150
"""Of the slices that may be shown, those whose overlaps are looked at; of one column so many."""
_OF_A_COLUMN = 5
_SHARED = 0.5
_FEW_OUTSIDE, _SOME_SHARED, _AS_CLEAR = 0.1, 0.2, 0.95
_WORSE_WITHIN = 3.5
"""Standard errors: by so many the worst part of a slice may be worse than its other part by chance."""
_BLOCKS_AT_MOST = 1_000


class Cell(NamedTuple):
    """A slice that was looked at, and how much worse it is than all other rows."""

    columns: tuple[int, ...]
    parts: tuple[Part, ...]
    rows: int
    gap: float
    error: float
    chance: float
    """Of so great a gap where there is none."""
    expected: float
    """The gap, drawn towards what all slices show."""

    def said(self) -> str:
        """Its conditions in words."""
        return " and ".join(part.said for part in self.parts)

    def inside(self, columns: Sequence[Column]) -> Booleans:
        """Which rows these are, shape (n,)."""
        parts = zip(self.columns, self.parts, strict=True)
        found: Booleans = np.logical_and.reduce([columns[place].rows(part) for place, part in parts])
        return found


@dataclass(frozen=True, eq=False)
class Loss:
    """What each row lost."""

    values: Floats
    """Greater is worse, shape (n,)."""
    blocks: Codes | None
    """Rows that move together, shape (n,), codes 0..k-1; None where each row stands for itself."""

    @property
    def count(self) -> int:
        """Blocks there are."""
        return 1 if self.blocks is None else int(self.blocks.max()) + 1

    def coarser(self) -> Loss:
        """With no more blocks than a table by slice and block may have: neighbours are put together."""
        if self.count <= _BLOCKS_AT_MOST or self.blocks is None:
            return self
        return Loss(self.values, self.blocks * _BLOCKS_AT_MOST // self.count)


@dataclass(frozen=True, eq=False)
class Searched:
    """What the search found."""

    found: list[Cell]
    """Shown to be worse, each for itself; greatest expected gap first."""
    suspect: Cell | None
    """Where nothing is shown, the slice of the greatest expected gap."""
    looked_at: tuple[int, int]
    """Slices that were tested: of one column, and of two."""
    paired: int
    """Columns of which pairs were looked at."""
    detectable: float = 0.0
    """From which gap on one of the smallest slices would have been shown."""


def search(columns: Sequence[Column], loss: Loss, *, support: float, rate: float, most: int, least: int) -> Searched:
    """Look for slices that are worse than all other rows.

    Args:
        columns: By which slices are made.
        loss: What each of n rows lost.
        support: The least share of rows that a slice has; it has half of them at most.
        rate: The share of false ones among those found, at most.
        most: How many are shown.
        least: Rows that a slice has at least.
    """
    from scipy.special import ndtri

    loss = loss.coarser()
    limits = max(support * len(loss.values), least), len(loss.values) / 2
    totals = _Sums.of(loss, None, 1)
    single = _Family.of(
        [
            _judged((place,), [(part,) for part in each.parts], _of_parts(each, loss), totals, limits)
            for place, each in enumerate(columns)
            if each.parts
        ]
    )
    paired = sorted(single.promising(_MOST_COLUMNS, len(columns)))
    binned = {place: columns[place].binned() for place in paired}
    pairs = _Family.of(
        [
            _of_pair((a, b), columns, binned, loss, totals, limits)
            for a, b in combinations(paired, 2)
            if columns[a].paired and columns[b].paired
        ]
    )
    both = _Family.of([single, pairs])
    if not len(both.gaps):
        return Searched([], None, (0, 0), len(paired))
    expected = shrunken(both.gaps, both.errors)
    tests = np.repeat([len(single.gaps), len(pairs.gaps)], [len(single.gaps), len(pairs.gaps)])
    tried = _clearest(both, np.flatnonzero(both.chances <= most * rate / 2 / tests))
    levels = rate / 2 / tests[tried]
    chosen = _apart([both.cell(each, expected) for each in tried], levels, columns, loss, most)
    chosen.sort(key=lambda each: -each.expected)
    suspect = None if chosen else both.cell(int(np.argmin(both.chances)), expected)
    count = len(single.gaps), len(pairs.gaps)
    smallest = both.errors[both.rows <= np.quantile(both.rows, 0.1)]
    detectable = float(np.median(smallest)) * -float(ndtri(rate / 2 / max(count)))
    return Searched(chosen, suspect, count, len(paired), detectable)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Of m slices: rows, what they lost, its squares; or both by block, shape (m, blocks)."""

    rows: Floats
    lost: Floats
    squares: Floats | None

    @classmethod
    def of(cls, loss: Loss, codes: npt.NDArray[np.integer] | None, count: int) -> _Sums:
        """By code, of `count` codes; of all rows where there are none."""

        def sums(places: npt.NDArray[Any], size: int, weights: Floats | None = None) -> Floats:
            return np.bincount(places, weights, size).astype(np.float64)

        values = loss.values
        if loss.blocks is None:
            places = np.zeros(len(values), dtype=np.int16) if codes is None else codes
            return cls(sums(places, count), sums(places, count, values), sums(places, count, values**2))
        shape, size = (count, loss.count), count * loss.count
        places = loss.blocks if codes is None else codes.astype(np.int64) * loss.count + loss.blocks
        return cls(sums(places, size).reshape(shape), sums(places, size, values).reshape(shape), None)

    def take(self, chosen: npt.NDArray[Any]) -> _Sums:
        """Of some of them; or of sums of them, by a matrix of weights."""
        if chosen.ndim == 1:
            return _Sums(*(None if each is None else each[chosen] for each in self._all))  # type: ignore[arg-type]
        return _Sums(*(None if each is None else chosen @ each for each in self._all))  # type: ignore[arg-type]

    @property
    def _all(self) -> tuple[Floats, Floats, Floats | None]:
        return self.rows, self.lost, self.squares

    def against_the_rest(self, totals: _Sums) -> tuple[Floats, Floats, Floats]:
        """How much worse each is than all other rows, the standard error, and its degrees of freedom."""
        by_block = self.squares is None
        size, lost = (each.sum(axis=1) if by_block else each for each in (self.rows, self.lost))
        others, other = totals.rows.sum() - size, totals.lost.sum() - lost
        mean, rest = lost / size, other / others
        if self.squares is None:
            inside = (self.lost - mean[:, None] * self.rows) / size[:, None]
            outside = (totals.lost - self.lost) - rest[:, None] * (totals.rows - self.rows)
            apart = inside - outside / others[:, None]
            effective = size**2 / (self.rows**2).sum(axis=1)
            count = np.maximum(effective, 1.0 + 1e-9)
            return mean - rest, np.sqrt((apart**2).sum(axis=1) * count / (count - 1)), effective - 1
        squares = totals.squares.sum() - self.squares if totals.squares is not None else self.squares
        own = np.maximum(self.squares / size - mean**2, 0.0) / np.maximum(size - 1, 1)
        theirs = np.maximum(squares / others - rest**2, 0.0) / np.maximum(others - 1, 1)
        freedom = (own + theirs) ** 2 / np.maximum(
            own**2 / np.maximum(size - 1, 1) + theirs**2 / np.maximum(others - 1, 1), 1e-300
        )
        return mean - rest, np.sqrt(own + theirs), freedom


@dataclass(frozen=True, eq=False)
class _Family:
    """Slices that were tested; all arrays have shape (m,)."""

    columns: list[tuple[int, ...]]
    parts: list[tuple[Part, ...]]
    rows: Floats
    gaps: Floats
    errors: Floats
    chances: Floats

    @classmethod
    def of(cls, families: Sequence[_Family]) -> _Family:
        """Several together."""
        arrays = [
            np.concatenate([getattr(each, name) for each in families]) if families else np.zeros(0)
            for name in ("rows", "gaps", "errors", "chances")
        ]
        columns, parts = ([one for each in families for one in getattr(each, name)] for name in ("columns", "parts"))
        return cls(columns, parts, *arrays)

    def cell(self, place: int, expected: Floats) -> Cell:
        """One of them."""
        arrays = (float(each[place]) for each in (self.gaps, self.errors, self.chances, expected))
        return Cell(self.columns[place], self.parts[place], int(self.rows[place]), *arrays)

    def promising(self, most: int, count: int) -> list[int]:
        """Of `count` columns those whose own parts differ most from the rest, at most so many."""
        if count <= most:
            return list(range(count))
        best: dict[int, float] = {}
        for (place, *_), gap, error in zip(self.columns, self.gaps, self.errors, strict=True):
            best[place] = max(best.get(place, 0.0), abs(gap) / error)
        return sorted(best, key=lambda place: -best[place])[:most]


def _of_parts(column: Column, loss: Loss) -> _Sums:
    sums = _Sums.of(loss, np.where(column.codes < 0, column.count, column.codes), column.count + 1)
    within = np.zeros((len(column.parts), column.count + 1))
    for place, part in enumerate(column.parts):
        within[place, part.first : part.last + 1] = 1.0
    return sums.take(within)


def _of_pair(
    pair: tuple[int, int],
    columns: Sequence[Column],
    binned: dict[int, npt.NDArray[np.int16]],
    loss: Loss,
    totals: _Sums,
    limits: tuple[float, float],
) -> _Family:
    first, second = (columns[each] for each in pair)
    of_first, of_second = first.of_bins(), second.of_bins()
    high, wide = of_first.shape[1], of_second.shape[1]
    sums = _Sums.of(loss, binned[pair[0]] * np.int32(wide) + binned[pair[1]], high * wide)
    parts = [(a, b) for a in first.paired for b in second.paired]
    return _judged(pair, parts, sums.take(np.kron(of_first, of_second)), totals, limits)


def _judged(
    columns: tuple[int, ...], parts: Sequence[tuple[Part, ...]], sums: _Sums, totals: _Sums, limits: tuple[float, float]
) -> _Family:
    """Those that are large enough and vary, with the chance of their gaps."""
    from scipy.special import stdtr

    rows = sums.rows.sum(axis=1) if sums.squares is None else sums.rows
    kept = np.flatnonzero((rows >= limits[0]) & (rows <= limits[1]))
    gaps, errors, freedom = sums.take(kept).against_the_rest(totals)
    fewest = _FEWEST_BLOCKS if sums.squares is None else 2
    enough = (errors > 0) & (freedom + 1 >= fewest)
    kept = kept[enough]
    gaps, errors, freedom = (each[enough] for each in (gaps, errors, freedom))
    chances = stdtr(freedom, -gaps / errors)
    return _Family([columns] * len(kept), [parts[int(each)] for each in kept], rows[kept], gaps, errors, chances)


def _clearest(family: _Family, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of some slices the clearest of each pair of columns, and a few of each column, at most `_TRIED` in all."""
    taken: list[int] = []
    counts: dict[tuple[int, ...], int] = {}
    for place in places[np.argsort(family.chances[places], kind="stable")]:
        columns = family.columns[place]
        counts[columns] = counts.get(columns, 0) + 1
        if counts[columns] <= (_OF_A_COLUMN if len(columns) == 1 else 1):
            taken.append(int(place))
            if len(taken) == _TRIED:
                break
    return np.array(taken, dtype=np.intp)


def _apart(cells: Sequence[Cell], levels: Floats, columns: Sequence[Column], loss: Loss, most: int) -> list[Cell]:
    """Those that stand for something of their own: in turn the clearest of what is left. Of two that are about as
    clear and share most rows, the simpler one; none that shares most rows with one before it.
    """
    masks = [each.inside(columns) for each in cells]
    left, chosen = loss, list[Cell]()
    open_ = list(range(len(cells)))
    while open_ and len(chosen) < most:
        clear = _clear(left, {place: masks[place] for place in open_}, levels * (len(chosen) + 1))
        if not clear:
            break
        best = max(clear, key=lambda place: clear[place])
        simpler = [
            place
            for place in clear
            if len(cells[place].parts) < len(cells[best].parts)
            and (clear[place] > _AS_CLEAR * clear[best] or _stands_for(masks[place], masks[best], left))
            and _overlap(masks[place], masks[best]) > _SOME_SHARED
        ]
        best = max(simpler, key=lambda place: clear[place], default=best)
        chosen.append(cells[best])
        inside, values = masks[best], left.values.copy()
        values[inside] -= values[inside].mean()
        values[~inside] -= values[~inside].mean()
        left = Loss(values, left.blocks)
        open_ = [place for place in open_ if _overlap(masks[place], inside) < _SHARED]
    return chosen


def _stands_for(wide: Booleans, narrow: Booleans, loss: Loss) -> bool:
    """Whether a slice holds nearly all rows of another, which is not shown to be worse than its other rows."""
    if (narrow & ~wide).sum() > _FEW_OUTSIDE * narrow.sum():
        return False
    inside, rest = loss.values[narrow], loss.values[wide & ~narrow]
    if not len(rest):
        return True
    error = np.sqrt(inside.var() / len(inside) + rest.var() / len(rest))
    return bool(inside.mean() - rest.mean() < _WORSE_WITHIN * error)


def _clear(loss: Loss, masks: Mapping[int, Booleans], levels: Floats) -> dict[int, float]:
    """How many standard errors some slices are worse than all other rows, where that is clear."""
    from scipy.special import stdtr

    totals, found = _Sums.of(loss, None, 1), {}
    for place, mask in masks.items():
        (gap,), (error,), (freedom,) = (
            _Sums.of(loss, mask.view(np.int8), 2).take(np.array([1])).against_the_rest(totals)
        )
        if gap > 0 and error > 0 and stdtr(freedom, -gap / error) <= levels[place]:
            found[place] = float(gap / error)
    return found


def _overlap(first: Booleans, second: Booleans) -> float:
    """Rows in both over rows in any (Jaccard)."""
    return float((first & second).sum()) / max(float((first | second).sum()), 1.0)
