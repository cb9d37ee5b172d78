"""Rates of groups, and how far apart the highest and the lowest of them are, with intervals for any number of groups.

Of the largest difference between two groups the upper bound is the largest of the pairs' upper bounds (no correction
is needed: Berger 1982, intersection-union); the lower bound is the largest of their lower bounds at a level that holds
for all pairs at once (Bonferroni). The value itself is the plain largest difference, as fairlearn has it: of many small
groups it is too large, which the lower bound shows.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.blocks import as_blocks
from kreis.evaluation.distributions import student_t_quantile
from kreis.evaluation.fairness.worst_off import ratio_estimates
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.counts import share_interval
from kreis.tasks.metrics.metric import Metric, RatioMetric, Rows, ratio_influence, ratio_value
from kreis.tasks.metrics.yes_no import Share

__all__ = ["Apart", "Between", "GroupRate", "MeanOf", "ShareOf", "between", "by_group", "ratio_between", "worst_of"]

_CELLS = 4_000_000
"""So many sums by block and group are held at once; with more blocks than that, rows stand for themselves."""


class _Given(RatioMetric):
    better = "neither"

    def __init__(self, name: str, above: npt.ArrayLike, below: npt.ArrayLike) -> None:
        """With its terms, both of shape (n,).

        Args:
            name: What it is called.
            above: Of each row, what is counted.
            below: Of each row, what it is counted of.
        """
        self.name = name  # type: ignore[misc]  # of this one rate
        self._above, self._below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """As given; of the first of them where rows come once that came several times."""
        return self._above[: len(rows)], self._below[: len(rows)]


class ShareOf(_Given, Share):
    """A share whose terms are given, 0 or 1 each."""


class MeanOf(_Given):
    """A mean whose terms are given."""

    bounds = (-math.inf, math.inf)


class Apart(Metric):
    """A rate of one group less that of another."""

    name = "difference"
    better = "neither"

    def __init__(self, rate: RatioMetric, first: Booleans, second: Booleans) -> None:
        """Of two groups, as masks of shape (n,)."""
        self._rate, self._first, self._second = rate, first, second
        self._influence: Floats | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """Of shares -1 and 1."""
        low, high = self._rate.bounds
        return low - high, high - low

    def value(self, rows: Rows) -> float:
        """The difference; NaN where one has no rate."""
        above, below = self._rate.terms(rows)
        first, second = (ratio_value(above[mask], below[mask]) for mask in self._masks(rows))
        return first - second

    def influence(self, rows: Rows) -> Floats:
        """What each row contributes to the error, shape (n,); reckoned once for all levels."""
        if self._influence is None or len(self._influence) != len(rows):
            above, below = self._rate.terms(rows)
            self._influence = np.zeros(len(rows))
            for mask, sign in zip(self._masks(rows), (1, -1), strict=True):
                self._influence[mask] = sign * ratio_influence(above[mask], below[mask])
        return self._influence

    def weights(self, rows: Rows) -> Floats:
        """What counts towards either rate."""
        first, second = self._masks(rows)
        return self._rate.terms(rows)[1] * (first | second)

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """Of two shares, what their counts allow (Newcombe 1998, interval estimation for the difference, method 10)."""
        if not isinstance(self._rate, Share):
            return None
        above, below = self._rate.terms(rows)
        counts = [(float(above[mask].sum()), float(below[mask].sum())) for mask in self._masks(rows)]
        (one, two), ends = [a / b for a, b in counts], [share_interval(*each, level=level) for each in counts]
        (low1, high1), (low2, high2) = ends
        below_it = math.hypot(one - low1, high2 - two)
        return one - two - below_it, one - two + math.hypot(high1 - one, two - low2)

    def _masks(self, rows: Rows) -> tuple[Booleans, Booleans]:
        return self._first[: len(rows)], self._second[: len(rows)]


class GroupRate(NamedTuple):
    """A group's rate."""

    code: int
    """Its place among the labels."""
    value: float
    error: float
    """Its standard error, by blocks."""
    counted: int
    """Rows that count towards it."""
    low: float
    high: float


class Between(NamedTuple):
    """How far apart two groups are: those that are furthest apart."""

    estimate: Estimate
    highest: GroupRate
    lowest: GroupRate


def by_group(
    rate: RatioMetric, rows: Rows, blocks: Codes, groups: Groups, *, least: int = 1, level: float = 0.95
) -> list[GroupRate]:
    """The rate of each group with enough rows that count, with a plain interval: for tables, and to find the extremes.

    Args:
        rate: What to measure.
        rows: All rows, n of them.
        blocks: The block of each row, shape (n,).
        groups: Of each row.
        least: Rows that must count towards a group's rate.
        level: Of the intervals.
    """
    above, below = rate.terms(rows)
    known = groups.codes >= 0
    codes, above, below = groups.codes[known], above[known], below[known]
    count = len(groups.labels)
    sums, of = (np.bincount(codes, weights=each, minlength=count) for each in (above, below))
    counts = np.bincount(codes, weights=below > 0, minlength=count) / rows.repeats
    values = np.divide(sums, of, out=np.full(count, math.nan), where=of > 0)
    labels = as_blocks(blocks)[known]
    held = int(labels.max(initial=0)) + 1
    if held * count <= _CELLS:
        cells = labels * count + codes
        tables = (
            np.bincount(cells, weights=each, minlength=held * count).reshape(held, count) for each in (above, below)
        )
        numerators, denominators = tables
        squares = ((numerators - np.nan_to_num(values) * denominators) ** 2).sum(axis=0)
    else:
        squares = np.bincount(codes, weights=(above - np.nan_to_num(values)[codes] * below) ** 2, minlength=count)
    errors = np.sqrt(squares * held / max(held - 1, 1)) / np.maximum(of, 1e-300)
    quantile = student_t_quantile(0.5 + level / 2, max(held - 1, 1))
    found = []
    for code in np.flatnonzero((counts >= max(least, 1)) & (of > 0)).tolist():
        value, error = float(values[code]), float(errors[code])
        low, high = value - quantile * error, value + quantile * error
        if isinstance(rate, Share):
            ends = share_interval(float(sums[code]) / rows.repeats, float(of[code]) / rows.repeats, level=level)
            low, high = max(min(low, ends[0]), 0.0), min(max(high, ends[1]), 1.0)
        found.append(GroupRate(code, value, error, round(float(counts[code])), low, high))
    return found


def between(
    rate: RatioMetric, rows: Rows, blocks: Codes, groups: Groups, *, least: int = 1, level: float = 0.95, joint: int = 1
) -> Between | None:
    """The largest difference between two groups' rates; None where there are not two groups.

    Args:
        rate: What to compare.
        rows: All rows, n of them.
        blocks: The block of each row, shape (n,).
        groups: Of each row.
        least: Rows that must count towards a group's rate.
        level: Of the interval.
        joint: For how many rates at once the lower bound is to hold.
    """
    found = by_group(rate, rows, blocks, groups, least=least)
    if len(found) < 2:
        return None
    highest, lowest = max(found, key=lambda each: each.value), min(found, key=lambda each: each.value)
    if highest.code == lowest.code:
        lowest = next(each for each in found if each.code != highest.code)
    at_once = 1 - (1 - level) / (joint * len(found) * (len(found) - 1) / 2)
    values, errors = np.array([each.value for each in found]), np.array([each.error for each in found])
    apart = values[:, None] - values[None, :]
    spread = np.sqrt(errors[:, None] ** 2 + errors[None, :] ** 2)
    np.fill_diagonal(apart, -math.inf)

    made: dict[tuple[int, int], Apart] = {}

    def measured(pair: tuple[int, int], at: float) -> Estimate:
        if pair not in made:
            made[pair] = Apart(rate, *(groups.codes == found[each].code for each in pair))
        return estimate(made[pair], rows, blocks, level=at)

    extreme = found.index(highest), found.index(lowest)
    pairs = {extreme, _place((apart + _z(level) * spread).argmax(), len(found))}
    own = {pair: measured(pair, level) for pair in pairs}
    sure = {extreme, _place((apart - _z(at_once) * spread).argmax(), len(found))}
    lows = [(own[pair] if at_once == level and pair in own else measured(pair, at_once)).low for pair in sure]
    value = highest.value - lowest.value
    low, high = min(max(*lows, 0.0), value), max(max(each.high for each in own.values()), value)
    counted = sum(each.counted for each in found)
    said = f"most apart of {len(found)} groups, all at once" if len(found) > 2 else own[extreme].method
    return Between(
        msgspec.structs.replace(own[extreme], value=value, low=low, high=high, n=counted, method=said), highest, lowest
    )


def ratio_between(
    rate: RatioMetric, rows: Rows, blocks: Codes, groups: Groups, *, least: int = 1, level: float = 0.95, joint: int = 1
) -> Between | None:
    """The lowest group's rate over that of the highest; None where there are not two groups, or all rates are 0.

    Args:
        rate: As for `between`, and so are the others.
        rows: All rows.
        blocks: Of each row.
        groups: Of each row.
        least: Rows that must count.
        level: Of the interval.
        joint: For how many rates at once the upper bound is to hold.
    """
    found = by_group(rate, rows, blocks, groups, least=least)
    highest = max(found, key=lambda each: each.value, default=None)
    if len(found) < 2 or highest is None or not highest.value > 0:
        return None
    lowest = min((each for each in found if each.code != highest.code), key=lambda each: each.value)
    at_once = 1 - (1 - level) / (joint * len(found) * (len(found) - 1) / 2)

    def measured(first: GroupRate, *levels: float) -> list[Estimate]:
        masks = groups.codes == first.code, groups.codes == highest.code
        return ratio_estimates(rate, rows, masks[0], masks[0] | masks[1], blocks, levels)

    own, sure = measured(lowest, level, at_once)
    lows = [own.low]
    for other in found:  # the lower bound is that of the pair that may be worst, which a small group's may be
        if other.code not in (highest.code, lowest.code) and other.value - _z(level) * other.error < lowest.value:
            lows += [each.low for each in measured(other, level)]
    said = f"least of {len(found)} groups over the greatest, all at once" if len(found) > 2 else own.method
    value = lowest.value / highest.value
    ends = {"low": min(*lows, value), "high": min(max(sure.high, value), 1.0)}
    return Between(
        msgspec.structs.replace(own, value=value, **ends, n=sum(each.counted for each in found), method=said),
        highest,
        lowest,
    )


def worst_of(
    rate: RatioMetric, rows: Rows, blocks: Codes, groups: Groups, *, least: int = 1, level: float = 0.95
) -> tuple[Estimate, GroupRate] | None:
    """The highest of the groups' means, as a bound on what any group suffers; None without groups.

    Args:
        rate: What each group suffers: a mean error.
        rows: As for `between`, and so are the others.
        blocks: Of each row.
        groups: Of each row.
        least: Rows that must count.
        level: Of the interval.
    """
    found = by_group(rate, rows, blocks, groups, least=least)
    if not found:
        return None
    worst = max(found, key=lambda each: each.value)
    at_once = 1 - (1 - level) / len(found)
    upper = max(found, key=lambda each: each.value + _z(level) * each.error)
    lower = max(found, key=lambda each: each.value - _z(at_once) * each.error)

    def measured(group: GroupRate, at: float) -> Estimate:
        mask = groups.codes == group.code
        return estimate(rate_in(rate, rows, mask), rows.where(mask), blocks[mask], level=at)

    own = measured(worst, level)
    low = min(max(measured(each, at_once).low for each in (worst, lower)), worst.value)
    high = max(own.high, measured(upper, level).high)
    said = f"greatest of {len(found)} groups, all at once"
    return msgspec.structs.replace(own, value=worst.value, low=low, high=high, method=said), worst


def rate_in(rate: RatioMetric, rows: Rows, mask: Booleans) -> RatioMetric:
    """The same rate of some of the rows, whose terms are given."""
    above, below = rate.terms(rows)
    kind = ShareOf if isinstance(rate, Share) else MeanOf
    return kind(rate.name, above[mask], below[mask])


def _place(flat: np.intp, count: int) -> tuple[int, int]:
    return int(flat) // count, int(flat) % count


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
