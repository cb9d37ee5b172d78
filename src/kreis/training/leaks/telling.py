"""A feature that alone tells the outcome: by its value, or by whether it has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.preparation.leaks import FEWEST, STRONG, strengths
from kreis.texts import counted
from kreis.training.leaks.leak import Leak, Searched

__all__ = ["FarAhead", "OnlyAfterwards", "TellsAlone"]

_REFUSED_FROM = 0.99
"""The strength (`Task.strength`) whose interval must lie above it."""
_SAMPLE = 4_000
_FOLDS = 20
_ASIDE = "leave it out; if it is known at the moment of the decision"
_PURE = 0.995
_SURE = 9 * np.log(10.0)
"""So few rows of another kind come by chance once in a thousand million times."""
_AHEAD_FROM, _AHEAD_BY, _FEWEST_COLUMNS, _KINDS = 0.8, 0.06, 5, 20


@dataclass(frozen=True)
class TellsAlone:
    """A feature by which the outcome is known nearly without error."""

    name: ClassVar[str] = "tells alone"

    def find(self, searched: Searched) -> list[Leak]:
        """Those whose strength, with its interval, lies above 0.99; a warning from 0.97 on."""
        known = searched.known
        happened = searched.data.outcomes[known]
        halves = [mask for _, mask in searched.task.halves(happened)]
        if min(mask.sum() for mask in halves) < FEWEST:
            return []
        some = np.concatenate([_spread(np.flatnonzero(mask)) for mask in halves])
        found = []
        for place, name in enumerate(searched.data.features):
            if name in searched.data.text_fields:
                continue
            values = searched.matrix[known, place].astype(np.float64)
            values = _means(values, happened) if name in searched.data.categories else values
            sampled, outcomes = values[some], happened[some]
            given = ~np.isnan(sampled)
            if min(mask.sum() for _, mask in searched.task.halves(outcomes[given])) < FEWEST:
                continue
            strength = searched.task.strength(sampled[given], outcomes[given])
            if strength < STRONG:
                continue
            low, high = _interval(strength, sampled[given], outcomes[given], searched)
            word = searched.task.strength_is
            said = f"the feature {name!r} alone tells the outcome ({word} {strength:.4f}, {low:.4f} to {high:.4f})"
            rows = searched.table(
                known[some[given][:: max(1, int(given.sum()) // 10)]], {name: searched.matrix[:, place]}
            )
            found.append(
                Leak(
                    kind=self.name,
                    column=name,
                    said=said,
                    instead=_ASIDE,
                    refused=low >= _REFUSED_FROM,
                    strength=strength,
                    low=low,
                    high=high,
                    rows=rows,
                )
            )
        return found


@dataclass(frozen=True)
class FarAhead:
    """A feature that alone tells the outcome far better than any other: a question, and no refusal."""

    name: ClassVar[str] = "far ahead"

    def find(self, searched: Searched) -> list[Leak]:
        """The strongest one, where it is strong and the next one is not near. The duration of a bank's calls has an AUC
        of 0.82 and the next feature 0.75; the strongest two of a census lie 0.01 apart.
        """
        known = searched.known
        happened = searched.data.outcomes[known]
        if len(np.unique(happened[:: max(1, len(happened) // _SAMPLE)])) > _KINDS:
            return []  # of a number the size of a thing may well tell most, honestly
        columns = {
            name: searched.matrix[:, place].astype(np.float64)
            for place, name in enumerate(searched.data.features)
            if name not in searched.data.text_fields
        }
        found = strengths(columns, searched.data.outcomes, searched.task, categories=searched.data.categories)
        ranked = sorted(found.items(), key=lambda each: -each[1])
        if len(ranked) < _FEWEST_COLUMNS or ranked[0][1] < _AHEAD_FROM or ranked[0][1] - ranked[1][1] < _AHEAD_BY:
            return []
        (name, strength), (_, second) = ranked[:2]
        word = searched.task.strength_is
        return [
            Leak(
                kind=self.name,
                column=name,
                said=(
                    f"the feature {name!r} alone tells the outcome far better than any other ({word} {strength:.2f},"
                    f" the next {second:.2f})"
                ),
                instead=_ASIDE,
                refused=False,
                strength=strength,
                rows=searched.table(known[:: max(1, len(known) // 10)], {name: columns[name]}),
            )
        ]


@dataclass(frozen=True)
class OnlyAfterwards:
    """A feature that has a value only where something happened: it was written down afterwards."""

    name: ClassVar[str] = "known afterwards"

    def find(self, searched: Searched) -> list[Leak]:
        """Features whose values come with one kind of outcome only, more purely than chance allows."""
        known = searched.known
        happened = searched.data.outcomes[known]
        kinds = searched.task.halves(happened)
        if min(mask.sum() for _, mask in kinds) < FEWEST:
            return []
        found = []
        for place, name in enumerate(searched.data.features):
            given = ~np.isnan(searched.matrix[known, place])
            if name in searched.data.text_fields or given.all() or not given.any():
                continue
            found += [
                self._leak(searched, name, place, said, mask, given == filled, filled)
                for said, mask in kinds
                for filled in (True, False)
                if _tells(given == filled, mask)
            ]
        return found

    def _leak(
        self, searched: Searched, name: str, place: int, said: str, mask: Booleans, rows: Booleans, filled: bool
    ) -> Leak:
        share, whole = float(mask[rows].mean()), float(mask.mean())
        has = "has a value" if filled else "has no value"
        return Leak(
            kind=self.name,
            column=name,
            said=(
                f"where the feature {name!r} {has} ({counted(int(rows.sum()), 'row')}), {share:.1%} are rows {said};"
                f" of all {whole:.1%} are: it seems to be filled in afterwards"
            ),
            instead=_ASIDE,
            rows=searched.table(searched.known[np.flatnonzero(rows)], {name: searched.matrix[:, place]}),
        )


def _tells(rows: Booleans, mask: Booleans) -> bool:
    """Whether some rows are of one kind throughout, while that is neither usual nor a matter of few rows; and whether
    they hold a good part of that kind.
    """
    count = int(rows.sum())
    if count < FEWEST:
        return False
    others, usual = int((~mask[rows]).sum()), count * (1 - float(mask.mean()))
    if others > (1 - _PURE) * count or others >= usual or mask[rows].sum() < 0.1 * mask.sum():
        return False
    unlikely = usual - others + (others * np.log(others / usual) if others else 0.0)  # Chernoff's bound, of Poisson
    return bool(unlikely > _SURE)


def _interval(strength: float, values: Floats, outcomes: Floats, searched: Searched) -> tuple[float, float]:
    """95%, by leaving out one twentieth of the rows after the other (jackknife; Efron 1982, chapter 3)."""
    fold = np.arange(len(values)) % _FOLDS
    left = np.array([searched.task.strength(values[fold != each], outcomes[fold != each]) for each in range(_FOLDS)])
    error = float(np.sqrt((_FOLDS - 1) / _FOLDS * ((left - left.mean()) ** 2).sum()))
    return max(strength - 2.09 * error, 0.5), min(strength + 2.09 * error, 1.0)


def _means(numbers: Floats, outcomes: Floats) -> Floats:
    """The mean outcome of each row's category; NaN of one with few rows, whose mean is their own outcomes."""
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    means = np.where(counts >= FEWEST, np.bincount(place, weights=outcomes) / counts, np.nan)
    found: Floats = np.where(np.isnan(numbers), np.nan, means[place])
    return found


def _spread(rows: np.ndarray) -> np.ndarray:
    return rows[:: max(1, len(rows) // _SAMPLE)]
