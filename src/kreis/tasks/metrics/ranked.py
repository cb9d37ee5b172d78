"""How good the order is in which rows of one group come: each group is one observation."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.tasks.decisions import places_within
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["Ndcg", "PrecisionAt", "RankedRows", "RankedValue", "ReciprocalRank"]

_ONE_A_GROUP = "that each stand for a group"


@dataclass(frozen=True, eq=False)
class RankedRows(Rows):
    """Outcomes are grades of relevance, decisions places 1, 2, 3 … within each row's group."""

    queries: Codes | None = None
    """Each row's group, shape (n,)."""

    @cached_property
    def of(self) -> Codes:
        """Each row's group as a code 0..k-1; all rows are one where none is named."""
        if self.queries is None:
            return np.zeros(len(self), dtype=np.int64)
        return np.unique(self.queries, return_inverse=True)[1].astype(np.int64)

    @property
    def evidence(self) -> Booleans:
        """One row of each group: rows of one group say little more than one."""
        found = np.zeros(len(self), dtype=bool)
        found[first_of_each(self.of)] = True
        return found

    def where(self, mask: Booleans) -> Self:
        """The rows that the mask keeps."""
        return replace(super().where(mask), queries=None if self.queries is None else self.queries[mask])


def first_of_each(groups: Codes) -> npt.NDArray[np.intp]:
    """The first row of each group 0..k-1, in their order, shape (k,)."""
    return np.unique(groups, return_index=True)[1]


class RankedValue(BusinessValue):
    """The goal's metric, by row; it rests on groups."""

    rests_on = _ONE_A_GROUP


class _ByGroup(Metric):
    """The mean over the groups that have the metric."""

    better = "higher"
    bounds = (0.0, 1.0)
    rests_on: ClassVar[str | None] = f"{_ONE_A_GROUP} with something relevant in it"

    @abstractmethod
    def of_groups(self, rows: RankedRows, groups: Codes, count: int) -> Floats:
        """Of each group, shape (count,); NaN where it has none."""

    def value(self, rows: Rows) -> float:
        """The mean; NaN where no group has it."""
        found = self._found(rows)
        return float(found[~np.isnan(found)].mean()) if (~np.isnan(found)).any() else math.nan

    def influence(self, rows: Rows) -> Floats:
        """That of each group, at the group's first row, shape (n,)."""
        found = self._found(rows)
        has = ~np.isnan(found)
        of_group = np.where(has, found - (found[has].mean() if has.any() else 0.0), 0.0) / max(int(has.sum()), 1)
        influence = np.zeros(len(rows))
        influence[first_of_each(_groups(rows))] = of_group
        return influence

    def weights(self, rows: Rows) -> Floats:
        """One for each group that has it, at the group's first row."""
        return self.counting(rows).astype(np.float64)

    def counting(self, rows: Rows) -> Booleans:
        """The first row of each group that has it."""
        counted = np.zeros(len(rows), dtype=bool)
        counted[first_of_each(_groups(rows))] = ~np.isnan(self._found(rows))
        return counted

    def _found(self, rows: Rows) -> Floats:
        groups = _groups(rows)
        ranked = rows if isinstance(rows, RankedRows) else RankedRows(rows.outcomes, rows.scores, rows.decisions)
        return self.of_groups(ranked, groups, int(groups.max(initial=-1)) + 1)


class Ndcg(_ByGroup):
    """The discounted gain over that of the best order there is (NDCG; Järvelin and Kekäläinen 2002)."""

    name = "ndcg"

    def __init__(self, gains: Callable[[npt.ArrayLike], Floats], discounts: Callable[[npt.ArrayLike], Floats]) -> None:
        """By what a grade gains, and what a place leaves of it."""
        self._gains, self._discounts = gains, discounts

    def of_groups(self, rows: RankedRows, groups: Codes, count: int) -> Floats:
        """Gain over best gain; NaN where nothing can be gained."""
        gains = self._gains(rows.outcomes)
        best = self._discounts(places_within(gains, groups))
        ideal = np.bincount(groups, weights=gains * best, minlength=count)
        found = np.bincount(groups, weights=gains * self._discounts(rows.decisions), minlength=count)
        share: Floats = np.divide(found, ideal, out=np.full(count, math.nan), where=ideal > 0).clip(max=1.0)
        return share


class ReciprocalRank(_ByGroup):
    """One over the place of the first relevant row (MRR; Voorhees 1999)."""

    name = "reciprocal_rank"

    def of_groups(self, rows: RankedRows, groups: Codes, count: int) -> Floats:
        """NaN where nothing is relevant."""
        relevant = rows.outcomes > 0
        first = np.full(count, math.inf)
        np.minimum.at(first, groups[relevant], rows.decisions[relevant].astype(np.float64))
        return np.where(np.isinf(first), math.nan, 1 / first)


class PrecisionAt(_ByGroup):
    """The share of relevant rows among those in front."""

    name = "precision"

    def __init__(self, at: int) -> None:
        """Among the first `at`."""
        self._at = at

    def of_groups(self, rows: RankedRows, groups: Codes, count: int) -> Floats:
        """NaN where nothing is relevant: no order of such a group is better than another."""
        front, relevant = rows.decisions <= self._at, rows.outcomes > 0
        shown, hits, all_relevant = (
            np.bincount(groups, weights=each, minlength=count) for each in (front, front & relevant, relevant)
        )
        return np.where(all_relevant > 0, hits / np.maximum(shown, 1.0), math.nan)


def _groups(rows: Rows) -> Codes:
    return rows.of if isinstance(rows, RankedRows) else np.zeros(len(rows), dtype=np.int64)
