"""The search: each part of each column, and of each pair of columns, against all other rows.

How false discoveries are bounded: each slice has a one-sided chance (`kreis.evaluation.slicing.sums`), and is shown if
that is below a bar. Where the bar lies is drawn: of 99 losses that have nothing to do with the columns, at most the
stated rate have any slice beyond it (Westfall and Young 1993, "Resampling-based multiple testing", section 2.3; the
chances are those of normal sums, of which the overlaps of the slices say how they hang together). The bar of single
columns is lower than that of their many more pairs.

Other rows that are no part of the test (the validation rows) say where to look: a slice that is worse there, too, is
given a lower bar, and all bars are raised until the rate holds again. As with any weights that come from independent
rows (Genovese, Roeder and Wasserman 2006, "False discovery control with p-value weighting", theorem 1), the rate does
not depend on whether those rows tell the truth.

All but the first that is shown are tested, against the same bars, on what is left once the rows of those before stand
at their own mean: the shadows of one true slice, of which there are hundreds, are no slices. Simulation shows that the
rate holds (`tests/evaluation/slicing/test_search.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.slicing.apart import apart
from kreis.evaluation.slicing.chance import Draws
from kreis.evaluation.slicing.columns import Column, Spans
from kreis.evaluation.slicing.shrinking import shrunken
from kreis.evaluation.slicing.sums import Loss, Sums

__all__ = ["Cell", "Searched", "search"]

_MOST_COLUMNS = 40
_TRIED = 150
"""Of the slices that may be shown, those whose overlaps are looked at; of one column so many."""
_OF_A_COLUMN, _OF_A_PAIR = 5, 1
_SIMPLER = 0.4
"""Standard errors by which the bar of a single column is lower than that of a pair."""
_AHEAD, _MOST_AHEAD = 0.5, 2.0
"""For each standard error by which a slice is worse in other rows its bar is lower by so many, and by that at most:
slices that are bad only now must stay within reach."""


class Cell(NamedTuple):
    """A slice that was looked at, and how much worse it is than all other rows."""

    columns: tuple[int, ...]
    conditions: tuple[str, ...]
    inside: Booleans
    """Which rows these are, shape (n,)."""
    gap: float
    error: float
    chance: float
    """Of so great a gap where there is none."""
    bar: float
    """Below which the chance must be."""
    expected: float
    """The gap, drawn towards what all slices show."""

    @property
    def rows(self) -> int:
        """How many it has."""
        return int(self.inside.sum())

    def said(self) -> str:
        """Its conditions in words."""
        return " and ".join(self.conditions)


@dataclass(frozen=True, eq=False)
class Searched:
    """What the search found."""

    found: list[Cell]
    """Shown to be worse, each for itself; greatest expected gap first."""
    suspect: Cell | None
    """Where nothing is shown, the clearest slice."""
    looked_at: tuple[int, int]
    """Slices that were tested: of one column, and of two."""
    paired: int
    """Columns of which pairs were looked at."""
    detectable: float = 0.0
    """From which gap on one of the smallest slices would have been shown, if it is no worse in other rows."""


def search(
    columns: Sequence[Column],
    loss: Loss,
    *,
    support: float,
    rate: float,
    most: int,
    least: int,
    before: Loss | None = None,
) -> Searched:
    """Look for slices that are worse than all other rows.

    Args:
        columns: By which slices are made.
        loss: What each of n rows lost.
        support: The least share of rows that a slice has; it has half of them at most.
        rate: The share of false ones among those found, at most.
        most: How many are shown.
        least: Rows that a slice has at least.
        before: What other rows lost, v of them, which are independent of the n rows: where to look.
    """
    from scipy.special import ndtr

    limits = max(support * len(loss.values), least), len(loss.values) / 2
    looking = _Looking(columns, loss, before, limits, Draws.of(len(loss.values)))
    single = [looking.alone(place) for place, each in enumerate(columns) if len(each.parts)]
    paired = _promising(single, _MOST_COLUMNS)
    among = [place for place in paired if len(columns[place].paired)]
    pairs = [looking.together(a, b) for a, b in combinations(among, 2)]
    both = _Family.of([*single, *pairs], rate)
    count = sum(len(each.rows) for each in single), sum(len(each.rows) for each in pairs)
    if not sum(count):
        return Searched([], None, count, len(paired))
    chances, bars = ndtr(-both.evidence), ndtr(-both.bars)

    def cell(place: int) -> Cell:
        return looking.cell(both, place, float(chances[place]), float(bars[place]), expected[place])

    tried = _clearest(both, np.flatnonzero(chances <= bars))
    doubtful = int(np.argmax(both.evidence - both.bars))
    asked = list(dict.fromkeys([*tried, doubtful]))
    expected = dict(zip(asked, shrunken(both.gaps, both.errors, np.array(asked)), strict=True))
    cells = [cell(each) for each in tried]
    masks = [looking.inside(both, each, everywhere=before is not None) for each in tried]
    shown = apart(masks, np.array([len(each.conditions) for each in cells]), bars[tried], loss, before, most)
    found = sorted((cells[each] for each in shown), key=lambda each: -each.expected)
    smallest = both.rows <= np.quantile(both.rows, 0.1)
    detectable = float(np.median((both.errors * both.unaided)[smallest]))
    return Searched(found, None if found else cell(doubtful), count, len(paired), detectable)


@dataclass(frozen=True, eq=False)
class _Tested:
    """The slices of one column or pair of columns that are large enough and vary, m of them."""

    columns: tuple[int, ...]
    parts: npt.NDArray[np.intp]
    """Which parts they are made of, shape (m, 2); of one column the second is -1."""
    rows: Floats
    gaps: Floats
    errors: Floats
    evidence: Floats
    """As in `Judged`."""
    seen: Floats
    """The same in other rows."""
    drawn: Floats
    """The greatest evidence in each draw, where each is as far ahead as its bar is lower."""


@dataclass(frozen=True, eq=False)
class _Family:
    """All slices that were tested; arrays have shape (m,)."""

    columns: list[tuple[int, ...]]
    which: npt.NDArray[np.intp]
    """Of `columns`."""
    parts: npt.NDArray[np.intp]
    """Shape (m, 2); of single columns the second is -1."""
    rows: Floats
    gaps: Floats
    errors: Floats
    evidence: Floats
    seen: Floats
    bars: Floats
    """What evidence is enough."""
    unaided: Floats
    """The same, if no other rows said where to look."""

    @classmethod
    def of(cls, tested: Sequence[_Tested], rate: float) -> _Family:
        """With the bars that hold the rate."""
        sizes = [len(each.rows) for each in tested]

        def joined(name: str) -> Floats:
            return np.concatenate([np.zeros(0), *(getattr(each, name) for each in tested)])

        simpler = np.repeat([_simpler(each.columns) for each in tested], sizes)
        unaided = Draws.bar([each.drawn for each in tested], rate) - simpler
        arrays = {name: joined(name) for name in ("rows", "gaps", "errors", "evidence", "seen")}
        return cls(
            columns=[each.columns for each in tested],
            which=np.repeat(np.arange(len(tested)), sizes),
            parts=np.concatenate([np.zeros((0, 2), dtype=np.intp), *(each.parts for each in tested)]),
            **arrays,
            bars=unaided - _ahead(arrays["seen"]),
            unaided=unaided,
        )


def _ahead(seen: Floats) -> Floats:
    """By how much the bars of slices are lower that are worse in other rows, too."""
    return np.clip(_AHEAD * seen, 0.0, _MOST_AHEAD)


def _simpler(columns: tuple[int, ...]) -> float:
    return _SIMPLER if len(columns) == 1 else 0.0


def _promising(single: Sequence[_Tested], most: int) -> list[int]:
    """The columns whose own parts differ most from the rest, at most so many; ascending."""
    best = {each.columns[0]: np.abs(each.evidence).max(initial=0.0) for each in single}
    return sorted(sorted(best, key=lambda place: -best[place])[:most])


@dataclass(frozen=True, eq=False)
class _Looking:
    """The rows that are looked at, those that say where to look, and draws of what chance makes of them."""

    columns: Sequence[Column]
    loss: Loss
    before: Loss | None
    limits: tuple[float, float]
    draws: Draws
    kept: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = field(default_factory=dict)

    def alone(self, place: int) -> _Tested:
        """The parts of a column."""
        column = self.columns[place]
        codes, earlier = column.coded(column.codes), column.coded(column.before)
        return self._tested((place,), codes, earlier, column.of_codes())

    def together(self, a: int, b: int) -> _Tested:
        """The parts of two columns together."""
        first, second = self.columns[a], self.columns[b]
        made_of = first.of_bins(), second.of_bins()
        codes, earlier = (
            one * np.int32(made_of[1].codes) + other for one, other in zip(self._bins(a), self._bins(b), strict=True)
        )
        return self._tested((a, b), codes, earlier, *made_of)

    def _bins(self, place: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The bins of a column, of both kinds of rows; kept."""
        if place not in self.kept:
            column = self.columns[place]
            self.kept[place] = column.binned(column.codes), column.binned(column.before)
        return self.kept[place]

    def _tested(
        self,
        columns: tuple[int, ...],
        codes: npt.NDArray[np.integer],
        earlier: npt.NDArray[np.integer],
        *made_of: Spans,
    ) -> _Tested:
        count = int(np.prod([each.codes for each in made_of]))
        sums = Sums.of(self.loss, codes, count)
        slices, totals = sums.together(made_of), sums.totals
        kept = np.flatnonzero((slices.rows >= self.limits[0]) & (slices.rows <= self.limits[1]))
        judged = slices.where(kept).judged(totals)
        enough = judged.errors > 0
        kept, judged = kept[enough], type(judged)(*(each[enough] for each in judged))
        seen = self._seen(earlier, count, made_of, kept)
        rows, parts = slices.rows[kept], np.unravel_index(kept, [len(each.first) for each in made_of])
        return _Tested(
            columns,
            np.stack([*parts, np.full(len(kept), -1)][:2], axis=1),
            rows,
            *judged,
            seen=seen,
            drawn=self.draws.greatest(codes, made_of, kept, _ahead(seen) + _simpler(columns)),
        )

    def _seen(
        self, codes: npt.NDArray[np.integer], count: int, made_of: Sequence[Spans], kept: npt.NDArray[np.intp]
    ) -> Floats:
        """How much worse slices are in other rows; 0 where these do not tell."""
        if self.before is None or not len(codes):
            return np.zeros(len(kept))
        sums = Sums.of(self.before, codes, count)
        with np.errstate(all="ignore"):  # of some slices there may be no rows
            judged = sums.together(made_of).where(kept).judged(sums.totals)
        return np.nan_to_num(np.where(judged.errors > 0, judged.evidence, 0.0))

    def cell(self, family: _Family, place: int, chance: float, bar: float, expected: float) -> Cell:
        """One of the slices."""
        said = tuple(column.said(part) for column, part in self._parts(family, place))
        gap, error = float(family.gaps[place]), float(family.errors[place])
        columns = family.columns[family.which[place]]
        return Cell(columns, said, self.inside(family, place), gap, error, chance, bar, float(expected))

    def inside(self, family: _Family, place: int, *, everywhere: bool = False) -> Booleans:
        """Which rows it has, shape (n,); of other rows, too, which stand after these."""
        of_each = [column.rows(part, everywhere=everywhere) for column, part in self._parts(family, place)]
        found: Booleans = np.logical_and.reduce(of_each)
        return found

    def _parts(self, family: _Family, place: int) -> list[tuple[Column, Codes]]:
        """The columns of a slice, and the part of each."""
        own = [self.columns[each] for each in family.columns[family.which[place]]]
        of_each = [own[0].parts] if len(own) == 1 else [each.paired for each in own]
        return [(column, known[which]) for column, known, which in zip(own, of_each, family.parts[place], strict=False)]


def _clearest(family: _Family, places: npt.NDArray[np.intp]) -> list[int]:
    """Of some slices the clearest of each pair of columns, and a few of each column, at most `_TRIED` in all."""
    taken: list[int] = []
    counts: dict[int, int] = {}
    for place in places[np.argsort(-family.evidence[places], kind="stable")]:
        which = int(family.which[place])
        counts[which] = counts.get(which, 0) + 1
        if counts[which] <= (_OF_A_COLUMN if len(family.columns[which]) == 1 else _OF_A_PAIR):
            taken.append(int(place))
            if len(taken) == _TRIED:
                break
    return taken
