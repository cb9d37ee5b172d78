"""A feature that is a function of the outcome, or another row's outcome; several that make it up together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.preparation.leaks import FEWEST
from kreis.texts import counted
from kreis.training.leaks.leak import Leak, Searched
from kreis.training.leaks.relations import holds, relations_of, unusual

__all__ = ["Function", "LaterOutcome", "Together"]

_SAMPLE = 4_000
_FUNCTION, _PIECES = 0.97, 30
"""Chatterjee's coefficient of a function of k rising or falling pieces is about 1 - 3 k / rows."""
_AHEAD = 3
_LEAST = 100
_TOGETHER = 0.999
_PAIRS = 8


@dataclass(frozen=True)
class Function:
    """A feature of which a number is a function, in whatever form: squared, turned, folded."""

    name: ClassVar[str] = "function of the outcome"

    def find(self, searched: Searched) -> list[Leak]:
        """By Chatterjee's coefficient (2021, "A new coefficient of correlation", JASA 116), which comes near 1 only
        where one is a function of the other, however it bends; against the noise of honest features.
        """
        known = searched.known
        known = known[:: max(1, len(known) // _SAMPLE)]
        outcomes = searched.data.outcomes[known]
        if len(known) < _LEAST or len(np.unique(outcomes)) < _LEAST / 2:
            return []
        if searched.task.strength(np.argsort(np.argsort(outcomes)).astype(np.float64), outcomes) < _FUNCTION:
            return []  # to be near is no leak in this task: the last value of a slow series is
        found = []
        for name, values in searched.numbers.items():
            given = ~np.isnan(values[known])
            if given.sum() < _LEAST or len(np.unique(values[known][given])) < _LEAST / 2:
                continue
            share = _chatterjee(values[known][given], outcomes[given])
            if share >= max(_FUNCTION, 1 - _PIECES / given.sum()):
                found.append(
                    Leak(
                        kind=self.name,
                        column=name,
                        said=f"the outcome is a function of the feature {name!r} (Chatterjee's xi {share:.3f})",
                        instead="leave it out",
                        rows=searched.table(known[given][:10], {name: values}),
                    )
                )
        return found


def _chatterjee(values: Floats, outcomes: Floats) -> float:
    """How far outcomes are a function of values: 0 if they are independent, near 1 if they are one."""
    ranks = np.argsort(np.argsort(outcomes[np.argsort(values, kind="stable")], kind="stable"), kind="stable")
    return float(1 - 3 * np.abs(np.diff(ranks)).sum() / (len(ranks) ** 2 - 1))


@dataclass(frozen=True)
class LaterOutcome:
    """A feature that is the outcome of the next row in time, or of one before it that was not known yet."""

    name: ClassVar[str] = "another row's outcome"

    def find(self, searched: Searched) -> list[Leak]:
        """Features that equal the outcomes of rows one to three places on, or back before these were known."""
        data = searched.data
        order = np.arange(len(data.time)) if searched.timeless else np.argsort(data.time, kind="stable")
        outcomes, known_at, time = data.outcomes[order], data.known_at[order], data.time[order]
        if len(order) < _LEAST or np.nanstd(outcomes) == 0:
            return []
        telling = unusual(outcomes)
        found = []
        for name, given in searched.numbers.items():
            values = given[order]
            for ahead in (*range(1, _AHEAD + 1), *range(-_AHEAD, 0)):
                own = np.roll(outcomes, -ahead)
                inside = np.arange(len(order)) + ahead
                both = ~np.isnan(values) & ~np.isnan(own) & (inside >= 0) & (inside < len(order))
                if ahead < 0:  # an outcome of before may be known by now: that is a feature, and a good one
                    both &= np.roll(known_at, -ahead) > time
                if both.sum() < _LEAST or np.std(own[both]) == 0:
                    continue
                if _alike(values[both], own[both], np.roll(telling, -ahead)[both]):
                    found.append(self._leak(searched, name, given, ahead, order))
                    break
        return found

    def _leak(self, searched: Searched, name: str, values: Floats, ahead: int, order: np.ndarray) -> Leak:
        places = f"{counted(abs(ahead), 'row')} {'later' if ahead > 0 else 'before, not known yet'}"
        return Leak(
            kind=self.name,
            column=name,
            said=f"the feature {name!r} is the outcome of the row {places}",
            instead="take it as known by then: project.feature_view(…, known_at=…) sees only that",
            rows=searched.table(order[:10], {name: values}),
        )


def _alike(values: Floats, outcomes: Floats, telling: Booleans) -> bool:
    """Whether one is the other, perhaps in another unit, in nearly all rows."""
    if np.std(values) == 0:
        return False
    slope = np.cov(values, outcomes)[0, 1] / np.var(values, ddof=1)
    if slope == 0:
        return False
    apart = np.abs(outcomes - outcomes.mean() - slope * (values - values.mean()))
    if holds(apart <= 1e-4 * np.std(outcomes), telling):
        return True
    return holds(np.abs(values - outcomes) <= 1e-5 * (1 + np.abs(outcomes)), telling)


@dataclass(frozen=True)
class Together:
    """Several features that make up the outcome: a sum, a difference, a product; or of which two tell yes from no."""

    name: ClassVar[str] = "tell it together"

    def find(self, searched: Searched) -> list[Leak]:
        """Sums and differences of up to three numbers, products and quotients; for yes and no two features whose sum or
        difference parts them.
        """
        known = searched.known[:: max(1, len(searched.known) // _SAMPLE)]
        outcomes = searched.data.outcomes[known]
        numbers = {name: values[known] for name, values in searched.numbers.items()}
        found: dict[str, Leak] = {}
        for relation in relations_of(numbers, outcomes):
            self._add(found, searched, relation.columns, f"{relation.formula} is the outcome", relation.holds)
        if (outcomes != 0).mean() > 0.5 and len(np.unique(outcomes)) > 20:
            logs = {name: _log(each) for name, each in numbers.items()}
            for relation in relations_of(logs, _log(outcomes)):
                formula = relation.formula.replace(" + ", " * ").replace(" - ", " / ")
                self._add(found, searched, relation.columns, f"{formula} is the outcome", relation.holds)
        for (one, other), sign, strength in _parting_pairs(searched, numbers, outcomes):
            word = searched.task.strength_is
            said = f"{one} {sign} {other} tells the outcome ({word} {strength:.4f}), which neither does alone"
            self._add(found, searched, (one, other), said, None)
        return list(found.values())

    def _add(
        self, found: dict[str, Leak], searched: Searched, columns: tuple[str, ...], said: str, holds: float | None
    ) -> None:
        share = "" if holds is None else f" in {holds:.1%} of the rows"
        for name in columns:
            if name not in found:
                found[name] = Leak(
                    kind=self.name,
                    column=name,
                    said=f"{said}{share}",
                    instead="leave them out" if len(columns) > 1 else "leave it out",
                    rows=searched.table(searched.known, {each: searched.numbers[each] for each in columns}),
                )


def _log(values: Floats) -> Floats:
    """Of a number's size, NaN of none: by it products and quotients are sums and differences."""
    found: Floats = np.log(np.where(values != 0, np.abs(values), np.nan))
    return found


def _parting_pairs(
    searched: Searched, numbers: dict[str, Floats], outcomes: Floats
) -> list[tuple[tuple[str, str], str, float]]:
    """Two features whose sum or difference tells two kinds of outcome apart, and neither alone."""
    kinds = [mask for _, mask in searched.task.halves(outcomes)]
    whole = {name: each for name, each in numbers.items() if not np.isnan(each).any() and np.ptp(each) > 0}
    if min(mask.sum() for mask in kinds) < FEWEST or len(whole) < 2 or len(np.unique(outcomes)) > 2:
        return []
    names = list(whole)
    stacked = np.stack([*whole.values(), outcomes])
    cov = np.cov(stacked)
    found = []
    tried = []
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        for sign in (1, -1):
            spread = cov[i, i] + cov[j, j] + 2 * sign * cov[i, j]
            if spread > 1e-12 * (cov[i, i] + cov[j, j]):
                goes = abs(cov[i, -1] + sign * cov[j, -1]) / np.sqrt(spread * cov[-1, -1])
                alone = max(abs(cov[k, -1]) / np.sqrt(cov[k, k] * cov[-1, -1]) for k in (i, j))
                if goes > max(0.4, alone + 0.02):
                    tried.append((goes, one, other, sign))
    for _, one, other, sign in sorted(tried, reverse=True)[:_PAIRS]:
        strength = searched.task.strength(whole[one] + sign * whole[other], outcomes)
        if strength >= _TOGETHER:
            found.append(((one, other), "+" if sign > 0 else "-", strength))
    return found[:1]
