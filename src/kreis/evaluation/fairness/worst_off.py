"""How much less often the worst-off of several groups gets something, with an interval that holds for any number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from kreis.arrays import Booleans, Codes
from kreis.evaluation.blocks import as_blocks, block_sums, few_days, interval
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.across import ratio_to_the_rest
from kreis.tasks.metrics.counts import ratio_interval
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.metrics.yes_no import Share

__all__ = ["WorstOff", "ratio_estimates", "worst_off"]


class WorstOff(NamedTuple):
    """The least ratio of a group's rate to that of the rest."""

    estimate: Estimate
    """Of the least ratio of all."""
    group: str
    """Whose it is, as far as the rows say."""
    groups: dict[str, Estimate]
    """Each group's own ratio."""


def worst_off(
    rate: RatioMetric, rows: Rows, blocks: Codes, column: Groups, *, least: int = 1, level: float = 0.95, joint: int = 1
) -> WorstOff | None:
    """The worst-off group, None if there are not two that have the rate.

    Each group is compared with the rest. Of the least ratio the lower bound is the least of the groups' lower bounds
    (no correction is needed: Berger 1982, intersection-union); the upper bound is the least of their upper bounds at a
    level that holds for all of them at once (Bonferroni), so that a fair model is found unfair no more often than the
    level says, however many groups there are. The value is half-median unbiased (Chernozhukov, Lee and Rosen 2013,
    "Intersection bounds", section 2): the least of several noisy ratios is too small, so each is raised by what noise
    takes off the least of those that compete for it.

    Args:
        rate: What to compare: that of a metric across groups.
        rows: With the favourable decision as the positive one.
        blocks: The day of each row, shape (n,).
        column: The groups.
        least: Rows that must count towards a group's rate; a smaller one is only part of the others' rest.
        level: Of the interval of the least ratio.
        joint: For how many rates at once its upper bound is to hold.
    """
    counted = rate.terms(rows)[1] > 0
    sizes_of = [int((counted & (column.codes == code)).sum()) / rows.repeats for code in range(len(column.labels))]
    compared = [code for code, size in enumerate(sizes_of) if size >= least]
    all_at_once = 1 - (1 - level) / (joint * max(len(compared), 1))
    known = column.codes >= 0
    found: dict[str, Estimate] = {}
    upper: dict[str, float] = {}
    for code in compared:
        mask, label = column.codes == code, column.labels[code]
        own = ratio_estimates(rate, rows, mask, known, blocks, (level, all_at_once))
        if own:
            found[label], upper[label] = own[0], own[1].high
    rated = sum(size > 0 for size in sizes_of)
    if rated < 2 or not found:
        return None
    value = min(_half_median_unbiased(list(found.values()), level), 1.0)
    sizes = np.bincount(as_blocks(blocks)).astype(np.float64)
    estimate = Estimate(
        value=value,
        low=min(each.low for each in found.values()),
        high=min(max(min(upper.values()), value), 1.0),
        level=level,
        n=len(rows.once),
        blocks=len(sizes),
        method=f"least of {rated} groups, each against the rest, all at once",
        warning=few_days(len(sizes), sizes, rows.blocks_are),
    )
    return WorstOff(estimate, min(found, key=lambda label: found[label].value), found)


def ratio_estimates(
    rate: RatioMetric, rows: Rows, group: Booleans, known: Booleans, blocks: Codes, levels: Sequence[float]
) -> list[Estimate]:
    """One group's ratio to the rest: by days on the scale of logarithms; of shares never narrower than counts allow.

    Args:
        rate: What to compare.
        rows: All rows, n of them.
        group: Which are in the group, shape (n,).
        known: Which are in it or in the rest, shape (n,).
        blocks: The block of each row, shape (n,).
        levels: Of the intervals, one for each.

    Returns:
        One for each level; none where one of the two has no rate, or the rest's is 0.
    """
    ratio, influence = ratio_to_the_rest(rate, rows, group, known)
    if math.isnan(ratio):
        return []
    numerator, denominator = rate.terms(rows)
    codes = as_blocks(blocks)
    days = int(codes.max()) + 1
    sums = block_sums(influence, codes)
    sizes = block_sums(denominator * group, codes)
    shares = isinstance(rate, Share)
    masks = (group, known & ~group) if shares else ()
    counts = [float(each[mask].sum()) / rows.repeats for mask in masks for each in (numerator, denominator)]
    found = []
    for level in levels:
        low, high = (ratio, ratio) if ratio > 0 and days > 1 else (0.0, math.inf)
        if shares:
            low, high = ratio_interval(*counts, level=level)
        if ratio > 0 and days > 1 and np.ptp(sums) > 0:
            ordered = rows.blocks_are == "days"
            by_day = interval(math.log(ratio), sums, level=level, sizes=sizes, climate=rows.climate, ordered=ordered)
            low, high = min(low, math.exp(by_day.low)), max(high, math.exp(min(by_day.high, 700.0)))
        found.append(
            Estimate(
                value=ratio,
                low=max(low, 0.0),
                high=high,
                level=level,
                n=int(group.sum()) // rows.repeats,
                blocks=days,
                method="against the rest",
            )
        )
    return found


def _half_median_unbiased(ratios: list[Estimate], level: float) -> float:
    """The least ratio, each raised by its error as often as noise among those that compete would lower their least."""
    if any(each.value <= 0 or each.low <= 0 for each in ratios):
        return min(each.value for each in ratios)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    logs = np.log([each.value for each in ratios])
    errors = np.array([math.log(each.value / each.low) / z for each in ratios])
    competing = logs - z * errors <= (logs + z * errors).min()
    raised = NormalDist().inv_cdf(0.5 ** (1 / max(int(competing.sum()), 1)))
    return float(np.exp((logs + raised * errors).min()))
