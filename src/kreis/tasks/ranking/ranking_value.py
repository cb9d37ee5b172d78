"""The business metric of a ranking: what a row is worth by what it was, and by its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["RankingValue"]


class RankingValue:
    """What each row of a ranking is worth, averaged over `per` rows: its gain, times a discount by its place.

    The rows of one group (a query) are ranked among each other. The discount of place p is 1 / log2(1 + p), of places
    beyond `at` it is 0: the discounted cumulative gain (Järvelin and Kekäläinen 2002), in money.

    Example:

    >>> metric = RankingValue("EUR per 1,000 offers", gains={1: 0.05, 2: 4.0}, at=10, group="query")
    >>> metric.values([2.0, 2.0, 0.0], [1.0, 3.0, 2.0])
    array([4., 2., 0.])
    """

    def __init__(self, unit: str, *, gains: Mapping[int, float], group: str, at: int = 10, per: int = 1000) -> None:
        """Declare it.

        Args:
            unit: As shown: "EUR per 1,000 offers".
            gains: What a row in front is worth by its grade of relevance, 1, 2, 3 …; of grade 0 nothing if not given.
            group: The spine's column, and the key or field of a request, that says which rows are ranked together.
            at: Places that count.
            per: How many rows the unit is about.

        Raises:
            ProjectError: grades are not 1, 2, 3 …, a gain is not finite, or a number is below 1.
        """
        where = f"RankingValue({unit!r})"
        given = {0: 0.0, **gains}
        if sorted(given) != list(range(len(given))) or len(given) < 2:
            hint = "grades are 1, 2, 3 … without a gap: gains={1: 0.05, 2: 4.0}"
            raise ProjectError(f"the grades of its gains are {sorted(gains)}", where=where, hint=hint)
        if not all(math.isfinite(each) for each in given.values()):
            raise ProjectError("a gain is not finite", where=where, hint="say what it is worth in money")
        if not group:
            raise ProjectError("it names no group", where=where, hint='group="query"')
        for name, number in (("at", at), ("per", per)):
            if number < 1:
                raise ProjectError(f"{name} is {number}", where=where, hint=f"{name} is 1 or more")
        self.unit, self.group, self.at, self.per = unit, group, at, per
        self._gains = np.array([given[grade] for grade in range(len(given))], dtype=np.float64)

    @property
    def grades(self) -> int:
        """The best grade."""
        return len(self._gains) - 1

    @property
    def task(self) -> Task:
        """Ranking."""
        from kreis.tasks.ranking.task import Ranking

        return Ranking(self)

    def gains(self, outcomes: npt.ArrayLike) -> Floats:
        """What each row would be worth in front, shape (n,); NaN where its grade is not known."""
        grades = np.asarray(outcomes, dtype=np.float64)
        known = ~np.isnan(grades)
        found = np.full(grades.shape, math.nan)
        found[known] = self._gains[np.clip(grades[known], 0, self.grades).astype(np.intp)]
        return found

    def discounts(self, places: npt.ArrayLike) -> Floats:
        """What each place leaves of a gain, shape (n,); NaN where there is no place."""
        place = np.asarray(places, dtype=np.float64)
        discounts: Floats = np.where(place > self.at, 0.0, 1 / np.log2(1 + np.maximum(place, 1.0)))
        return np.where(np.isnan(place), math.nan, discounts)

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """Gain times discount of each row, shape (n,), in units of money (not yet times `per`)."""
        return self.gains(outcomes) * self.discounts(decisions)

    @property
    def bounds(self) -> tuple[float, float]:
        """The worst and the best grade in front; nothing behind."""
        return min(float(self._gains.min()), 0.0), max(float(self._gains.max()), 0.0)

    @property
    def most_at_stake(self) -> float:
        """The dearest grade in front, or nowhere."""
        return float(np.abs(self._gains).max())

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """The largest distance of two places' discounts, at the dearest grade."""
        apart = np.abs(self.discounts(first) - self.discounts(second))
        return self.most_at_stake * float(apart.max(initial=0.0))

    def check(self) -> None:
        """See that a better grade is worth no less.

        Raises:
            ProjectError: one is, or none is worth anything.
        """
        if (np.diff(self._gains) < 0).any() or self._gains[-1] <= self._gains[0]:
            hint = "a higher grade is more relevant: gains={1: 0.05, 2: 4.0}"
            raise ProjectError("by its metric, a more relevant row in front is worth less", where="Goal", hint=hint)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        gains = self._gains.tolist()
        said = {"unit": self.unit, "gains": gains, "group": self.group, "at": self.at, "per": self.per}
        return {"kind": "ranking_value", **said}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankingValue) and self.to_document() == other.to_document()

    def __hash__(self) -> int:
        return hash((self.unit, self.group, self.at, self.per, *self._gains.tolist()))

    def __repr__(self) -> str:
        gains = dict(enumerate(self._gains.tolist()))
        return f"RankingValue({self.unit!r}, gains={gains}, group={self.group!r}, at={self.at}, per={self.per})"
