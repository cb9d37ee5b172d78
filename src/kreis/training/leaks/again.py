"""Rows that judge and have taught before: copies, nearly copies, and entities that are on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.generative.documents.alike import alike
from kreis.training.leaks.leak import Leak, Searched

__all__ = ["TWINS", "Entities", "NearTwins", "Twins"]

_SHARE, _REFUSED_SHARE = 0.01, 0.05
"""Of the rows that judge, so many twins are named, and so many refused: by no more than their share are metrics off."""
_FEWEST = 10
_GROUP = 4
"""Rows that hold the same: more of them are no copies, but a table of few different rows."""
_AGREE = 0.97
_TELLING = 5
"""Pairs of an outcome that say how often copies of it agree."""
_MOST_TEXTS = 4_000
_TEXTS_ALIKE = 0.8
_ENTITIES = 30
_AGAIN = 0.2
_KNOWN_BY_ENTITY = 0.95
TWINS = "twins"


class _Pairs(NamedTuple):
    judging: npt.NDArray[np.intp]
    teaching: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Twins:
    """Rows that judge and stand among those that teach, with all features alike."""

    name: ClassVar[str] = "duplicates across the split"

    def find(self, searched: Searched) -> list[Leak]:
        """Twins whose outcomes agree as those of copies do, and not as those of rows that happen to be alike."""
        pairs = _matched(searched, lambda matrix: matrix)
        return _refused(searched, pairs, self.name, "hold exactly what a row holds that teaches")


@dataclass(frozen=True)
class NearTwins:
    """Rows that judge and differ from one that teaches by rounding, or by a few words."""

    name: ClassVar[str] = "near-duplicates across the split"

    def find(self, searched: Searched) -> list[Leak]:
        """Numbers on a grid of a hundredth of their spread; texts by their shingles."""
        exact = _matched(searched, lambda matrix: matrix)
        found = _refused(searched, _texts(searched), self.name, "repeat a text that teaches, but for a few words")
        if found:
            return found if not _counts(searched, exact) else []
        names = [name for name in searched.data.features if name not in searched.data.text_fields]
        matrix = _plain(searched)
        filled = np.flatnonzero(~np.isnan(matrix).all(axis=0))
        spread = np.zeros(len(names))
        spread[filled] = np.nanstd(matrix[:, filled].astype(np.float64), axis=0)
        grid = np.where(spread > 0, spread / 100, 1.0)
        grid[np.array([name in searched.data.categories for name in names], dtype=bool)] = 0.0
        pairs = [_matched(searched, partial(_on_grid, grid=grid, shift=shift)) for shift in (0.0, 0.5)]
        best = max(pairs, key=lambda each: len(each.judging))
        if len(exact.judging) >= 0.5 * len(best.judging):
            return []  # copies: said already
        return _refused(searched, best, self.name, "differ from a row that teaches by less than a hundredth")


def _on_grid(matrix: npt.NDArray[np.float32], grid: Floats, shift: float) -> npt.NDArray[np.float32]:
    fine = np.floor(matrix / np.where(grid > 0, grid, 1.0) + shift)
    found: npt.NDArray[np.float32] = np.where(grid > 0, fine, matrix).astype(np.float32)
    return found


def _plain(searched: Searched) -> npt.NDArray[np.float32]:
    """Features that are no texts."""
    names = searched.data.features
    return searched.matrix[:, [place for place, name in enumerate(names) if name not in searched.data.text_fields]]


def _matched(searched: Searched, form: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]) -> _Pairs:
    """Rows that judge, each with a row that teaches and has the same features, in a form."""
    data = searched.data
    matrix = np.nan_to_num(form(_plain(searched)), nan=-1.2345e30) + np.float32(0)
    hashed = _hashes(matrix)
    if data.texts is not None:
        _, said = np.unique(np.array([" ".join(row) for row in data.texts]), return_inverse=True)
        hashed = hashed * np.uint64(1_000_003) + said.astype(np.uint64)
    teaching, judging = searched.teaching, searched.judging
    order = teaching[np.argsort(hashed[teaching], kind="stable")]
    ordered = hashed[order]
    first = np.searchsorted(ordered, hashed[judging], side="left")
    count = np.searchsorted(ordered, hashed[judging], side="right") - first
    twin = (count > 0) & (count <= _GROUP)
    return _Pairs(judging[twin], order[first[twin]])


def _hashes(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """A number for what each row holds, shape (n,), by multiplying and mixing its bits column by column."""
    bits = np.ascontiguousarray(matrix).view(np.uint32)
    found = np.full(len(matrix), 1_469_598_103_934_665_603, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            found = (found ^ column) * np.uint64(0x9E3779B97F4A7C15)
            found ^= found >> np.uint64(32)
    return found


def _texts(searched: Searched) -> _Pairs:
    """Texts of rows that judge that are nearly those of a row that teaches."""
    nothing = np.zeros(0, dtype=np.intp)
    if searched.data.texts is None:
        return _Pairs(nothing, nothing)
    some = [rows[:: max(1, len(rows) // _MOST_TEXTS)] for rows in (searched.teaching, searched.judging)]
    rows = np.concatenate(some)
    said = [" ".join(each) for each in searched.data.texts[rows]]
    pairs = [each for each in alike(said, _TEXTS_ALIKE) if each.first < len(some[0]) <= each.second]
    return (
        _Pairs(rows[[each.second for each in pairs]], rows[[each.first for each in pairs]])
        if pairs
        else _Pairs(nothing, nothing)
    )


def _counts(searched: Searched, pairs: _Pairs) -> bool:
    return len(pairs.judging) >= max(_FEWEST, _SHARE * len(searched.judging))


def _refused(searched: Searched, pairs: _Pairs, kind: str, how: str) -> list[Leak]:
    outcomes = searched.data.outcomes
    if not _counts(searched, pairs):
        return []
    one, other = outcomes[pairs.judging], outcomes[pairs.teaching]
    agree = np.isclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True)
    expected = _by_chance(outcomes)
    agreed = [float(agree.mean())]
    if expected > 0.05:  # else of a rare outcome those that are alike by chance agree, too
        kinds, sizes = np.unique(one, return_counts=True)
        agreed = [float(agree[one == each].mean()) for each in kinds[sizes >= _TELLING]]
    if min(agreed, default=0.0) < _AGREE or (expected > 0.05 and len(agreed) < 2):
        return []
    count, all_ = len(pairs.judging), len(searched.judging)
    data = searched.data
    columns = {name: searched.matrix[:, place] for place, name in enumerate(data.features[:4])}
    both = np.stack([pairs.judging, pairs.teaching], axis=1)[:5].ravel()
    return [
        Leak(
            kind=kind,
            column=TWINS,
            said=(
                f"{count:,} of {all_:,} rows that judge ({count / all_:.1%}) {how}, and {agree.mean():.1%} of them have"
                " its outcome, too"
            ),
            refused=count >= _REFUSED_SHARE * all_,
            instead="keep each row once, or keep copies on one side: GroupSplit over a column that they share",
            rows=searched.table(both, columns),
        )
    ]


def _by_chance(outcomes: Floats) -> float:
    """How often two rows have the same outcome."""
    _, counts = np.unique(outcomes[~np.isnan(outcomes)], return_counts=True)
    return float(((counts / counts.sum()) ** 2).sum())


@dataclass(frozen=True)
class Entities:
    """Entities with rows on both sides of a random split, whose outcomes are always the same."""

    name: ClassVar[str] = "entities across the split"

    def find(self, searched: Searched) -> list[Leak]:
        """Columns of whose entities most rows that judge are known from those that teach, outcome and all."""
        return [
            leak
            for name, codes in searched.entities.items()
            if searched.at_random and (leak := self._of(searched, name, codes)) is not None
        ]

    def _of(self, searched: Searched, name: str, codes: Codes) -> Leak | None:
        outcomes, count = searched.data.outcomes, int(codes.max(initial=-1)) + 1
        teaching = searched.teaching[(codes[searched.teaching] >= 0) & ~np.isnan(outcomes[searched.teaching])]
        judging = searched.judging[(codes[searched.judging] >= 0) & ~np.isnan(outcomes[searched.judging])]
        if count < _ENTITIES or not len(judging):
            return None
        rows = np.bincount(codes[teaching], minlength=count)
        sums = np.bincount(codes[teaching], outcomes[teaching], count)
        again = judging[rows[codes[judging]] > 0]
        if len(again) < max(_AGAIN * len(judging), _ENTITIES):
            return None
        mean = sums[codes[again]] / rows[codes[again]]
        spread = float(np.var(outcomes[again]))
        told = 1 - float(np.mean((outcomes[again] - mean) ** 2)) / spread if spread > 0 else 0.0
        if told < _KNOWN_BY_ENTITY:
            return None
        named = np.zeros(count)
        named[codes[again]] = 1
        return Leak(
            kind=self.name,
            column=name,
            said=(
                f"{len(again):,} of {len(judging):,} rows that judge are of a {name!r} that also teaches, and its rows"
                f" there tell {told:.1%} of how their outcomes vary: the model may know it by heart"
            ),
            instead=f'part by it: project.split(GroupSplit("{name}"))',
            rows=searched.table(again, {name: codes}),
        )
