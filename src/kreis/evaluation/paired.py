"""Two models on the same decisions: what is proved about the difference of their value, however often one looks.

Decisions of one day hang together (all flights of a stormy day are late), and so do neighbouring days. What a sum
over days varies more than one of independent decisions is measured from the days themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.evaluation.sequential import MeanTest, mean_interval

__all__ = [
    "FALSE_PROMOTION",
    "FALSE_ROLLBACK",
    "DaySums",
    "Paired",
    "day_sums",
    "dependence",
    "needed",
    "presumed_dependence",
    "seen_after",
    "within_day",
]

FALSE_PROMOTION = 0.05
"""How often a challenger that is worse by the margin or more may be shown to be no worse, over a whole canary."""
FALSE_ROLLBACK = 0.025
"""How often one that is no worse may be shown to be worth less."""
_WITHIN_DAY = 0.05
"""Presumed correlation of two decisions of one day on which the models differ (New York's flights: 0.04 to 0.09)."""
_PRESUMED_DAYS = 7
"""How many days the presumption weighs."""


class DaySums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of the differences of each day, in their order; plain data."""

    decisions: list[int] = []
    differing: list[int] = []
    """Decisions on which the models differ in value."""
    totals: list[float] = []
    squares: list[float] = []

    def __add__(self, later: DaySums) -> DaySums:
        """All days of both."""
        return DaySums(
            decisions=self.decisions + later.decisions,
            differing=self.differing + later.differing,
            totals=self.totals + later.totals,
            squares=self.squares + later.squares,
        )


def day_sums(differences: Floats, days: npt.ArrayLike) -> DaySums:
    """Sum up by day.

    Args:
        differences: Of value, challenger less champion, shape (n,).
        days: Labels whose order is the order of time, shape (n,).
    """
    codes = np.unique(np.asarray(days), return_inverse=True)[1]
    return DaySums(
        decisions=np.bincount(codes).tolist(),
        differing=np.bincount(codes, weights=differences != 0).astype(int).tolist(),
        totals=np.bincount(codes, weights=differences).tolist(),
        squares=np.bincount(codes, weights=differences**2).tolist(),
    )


def presumed_dependence(differing_a_day: float, within_day: float = _WITHIN_DAY) -> float:
    """`dependence` before any day has been seen, or of models that differ in another number of decisions a day."""
    return 1 + max(differing_a_day - 1, 0.0) * within_day


def within_day(sums: DaySums) -> float:
    """The correlation of two decisions of one day on which models differ that `dependence` comes to."""
    a_day = float(np.mean(sums.differing)) if sums.differing else 0.0
    return (dependence(sums) - 1) / (a_day - 1) if a_day >= 2 else _WITHIN_DAY


def dependence(sums: DaySums, overlap: float = 1.0, within_day: float | None = None) -> float:
    """How many times the variance of a sum over days is that of a sum of independent decisions; at least 1.

    The design effect of days as clusters (Kish 1965, "Survey Sampling", section 5.4), with neighbouring days taken
    to hang together where they do (Newey and West 1987, one lag). Few days say little about it: what is presumed
    weighs as much as seven of them. Days that share what happens to their decisions (forecasts over several days) hang
    together by `overlap` at least (`kreis.evaluation.overlap`). `within_day` is presumed in place of the usual
    correlation.
    """
    n, totals = np.array(sums.decisions, dtype=np.float64), np.array(sums.totals)
    days = len(n)
    if not days:
        return 1.0
    mean = totals.sum() / n.sum()
    alone = float(np.sum(sums.squares) - n.sum() * mean**2)
    presumed = presumed_dependence(float(np.mean(sums.differing)), _WITHIN_DAY if within_day is None else within_day)
    if days < 2 or alone <= 0:
        return presumed * overlap
    off = totals - mean * n
    together = float(max(off @ off + max(off[1:] @ off[:-1], 0.0), overlap * (off @ off))) * days / (days - 1)
    seen = days - 1
    return max(1.0, (_PRESUMED_DAYS * presumed * overlap + seen * together / alone) / (_PRESUMED_DAYS + seen))


@dataclass(frozen=True, eq=False, kw_only=True)
class Paired:
    """What the decisions of a canary say; money per decision."""

    values: Floats
    """The differences that came, challenger's value less champion's, shape (k,)."""
    counts: Codes
    """How often each came, shape (k,)."""
    days: int
    most: float
    """The most that two decisions on the same case can differ by."""
    margin: float
    """What the challenger may be worse by."""
    dependence: float

    @classmethod
    def of(
        cls,
        differences: Floats,
        days: npt.ArrayLike,
        *,
        most: float,
        margin: float,
        before: DaySums | None = None,
        overlap: float = 1.0,
        within_day: float | None = None,
    ) -> Paired:
        """The differences seen so far.

        Args:
            differences: Of value, challenger less champion, on the same decisions, shape (n,).
            days: Their days, in an order that is that of time, shape (n,).
            most: The most that two decisions on the same case can differ by.
            margin: What the challenger may be worse by.
            before: Days before the canary. They say how days vary, and nothing about which model is better: the
                challenger has learned from them.
            overlap: As for `dependence`.
            within_day: Likewise.
        """
        sums = day_sums(differences, days)
        values, counts = np.unique(differences, return_counts=True)
        return cls(
            values=values,
            counts=counts.astype(np.int64),
            days=len(sums.decisions),
            most=most,
            margin=margin,
            dependence=dependence(sums if before is None else before + sums, overlap, within_day),
        )

    @property
    def decisions(self) -> int:
        """How many there were."""
        return int(self.counts.sum())

    @property
    def difference(self) -> float:
        """The mean difference; 0 where there is none."""
        return float(self.values @ self.counts) / self.decisions if self.decisions else 0.0

    @property
    def worse(self) -> bool:
        """Whether the challenger is shown to be worth less, at `FALSE_ROLLBACK`."""
        if self.most <= 0:  # the two decide alike
            return False
        test = MeanTest(-self.most, self.most, 0.0, "below", FALSE_ROLLBACK, self.dependence)
        return test.shown_by(self.values, self.counts)

    @property
    def no_worse(self) -> bool:
        """Whether it is shown not to be worth less by the margin, at `FALSE_PROMOTION`."""
        if self.margin >= self.most:  # the two cannot differ by so much
            return self.decisions > 0
        test = MeanTest(-self.most, self.most, -self.margin, "above", FALSE_PROMOTION, self.dependence)
        return test.shown_by(self.values, self.counts)

    def interval(self) -> tuple[float, float]:
        """The least and the most that the mean difference may be, at the same rates."""
        if self.most <= 0:
            return 0.0, 0.0
        alphas = FALSE_PROMOTION, FALSE_ROLLBACK
        return mean_interval(-self.most, self.most, self.values, self.counts, alphas=alphas, dependence=self.dependence)

    @property
    def needed(self) -> int | None:
        """About how many decisions show a challenger of equal value to be no worse than the margin."""
        values, margin = self.values - self.difference, self.margin
        return needed(values, self.counts, most=self.most, margin=margin, factor=self.dependence)


def needed(
    values: Sequence[float] | Floats, counts: npt.ArrayLike, *, most: float, margin: float, factor: float
) -> int | None:
    """About how many decisions show the margin where differences come as often as `counts` says; None: no number.

    Args:
        values: Differences of value, shape (k,).
        counts: How often each comes, shape (k,).
        most: The most that two decisions on the same case can differ by.
        margin: What the challenger may be worse by.
        factor: `dependence`.
    """
    if not len(values):
        return None
    if margin >= most:
        return 1
    test = MeanTest(*_around(values, most), -margin, "above", FALSE_PROMOTION, factor)
    return _whole(test.takes(values, _shares(counts)))


def seen_after(values: Sequence[float] | Floats, counts: npt.ArrayLike, *, most: float, factor: float) -> int | None:
    """About how many decisions show a challenger to be worth less; arguments as for `needed`."""
    test = MeanTest(*_around(values, most), 0.0, "below", FALSE_ROLLBACK, factor)
    return _whole(test.takes(values, _shares(counts)))


def _around(values: Sequence[float] | Floats, most: float) -> tuple[float, float]:
    wide = max(most, float(np.abs(values).max()))
    return -wide, wide


def _shares(counts: npt.ArrayLike) -> Floats:
    given = np.asarray(counts, dtype=np.float64)
    shares: Floats = given / given.sum()
    return shares


def _whole(number: float) -> int | None:
    return math.ceil(number) if math.isfinite(number) else None
