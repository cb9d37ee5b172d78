"""How much less often the worst-off of several groups gets something, with an interval that holds for any number."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from kreis.arrays import Booleans, Codes
from kreis.evaluation.blocks import as_blocks, block_sums, few_days, interval
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.across import AcrossGroups, ratio_to_the_rest
from kreis.tasks.metrics.counts import ratio_interval
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["WorstOff", "worst_off"]


class WorstOff(NamedTuple):
    """The least ratio of a group's rate to that of the rest."""

    estimate: Estimate
    """Of the least ratio of all."""
    group: str
    """Whose it is, as far as the rows say."""
    groups: dict[str, Estimate]
    """Each group's own ratio."""


def worst_off(
    metric: AcrossGroups, rows: Rows, blocks: Codes, column: Groups, *, level: float = 0.95
) -> WorstOff | None:
    """The worst-off group, None if there are not two that have the rate.

    Each group is compared with the rest. Of the least ratio the lower bound is the least of the groups' lower bounds
    (no correction is needed: Berger 1982, intersection-union); the upper bound is the least of their upper bounds at a
    level that holds for all of them at once (Bonferroni), so that a fair model is found unfair no more often than the
    level says, however many groups there are. The value is half-median unbiased (Chernozhukov, Lee and Rosen 2013,
    "Intersection bounds", section 2): the least of several noisy ratios is too small, so each is raised by what noise
    takes off the least of those that compete for it.

    Args:
        metric: What to compare.
        rows: With the favourable decision as the positive one.
        blocks: The day of each row, shape (n,).
        column: The groups.
        level: Of the interval of the least ratio.
    """
    all_at_once = 1 - (1 - level) / max(len(column.labels), 1)
    known = column.codes >= 0
    found: dict[str, Estimate] = {}
    upper: dict[str, float] = {}
    for code, label in enumerate(column.labels):
        mask = column.codes == code
        own = _ratio(metric.rate, rows, mask, known, blocks, level)
        if own is not None:
            found[label] = own
            wider = _ratio(metric.rate, rows, mask, known, blocks, all_at_once)
            upper[label] = own.high if wider is None else wider.high
    denominator = metric.rate.terms(rows)[1]
    rated = sum(bool(denominator[column.codes == code].any()) for code in range(len(column.labels)))
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
        warning=few_days(len(sizes), sizes),
    )
    return WorstOff(estimate, min(found, key=lambda label: found[label].value), found)


def _ratio(
    rate: RatioMetric, rows: Rows, group: Booleans, known: Booleans, blocks: Codes, level: float
) -> Estimate | None:
    """One group's ratio to the rest: by days on the scale of logarithms, never narrower than the counts allow."""
    ratio, influence = ratio_to_the_rest(rate, rows, group, known)
    if math.isnan(ratio):
        return None
    numerator, denominator = rate.terms(rows)
    rest = known & ~group
    counts = [float(each[mask].sum()) for mask in (group, rest) for each in (numerator, denominator)]
    low, high = ratio_interval(*counts, level=level)
    codes = as_blocks(blocks)
    days = int(codes.max()) + 1
    sums = block_sums(influence, codes)
    if ratio > 0 and days > 1 and np.ptp(sums) > 0:
        sizes = block_sums(denominator * group, codes)
        by_day = interval(math.log(ratio), sums, level=level, sizes=sizes, climate=rows.climate)
        low, high = min(low, math.exp(by_day.low)), max(high, math.exp(min(by_day.high, 700.0)))
    return Estimate(
        value=ratio,
        low=low,
        high=high,
        level=level,
        n=int(group.sum()),
        blocks=days,
        method="against the rest",
    )


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
