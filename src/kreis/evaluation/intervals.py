"""Estimates with intervals. Rows of one block (a day, a group) may move together, and so may neighbouring days.

The error is that of the sums by block of the metric's influence values (for the AUC this is Obuchowski 1997, for
ratios the linearisation of Cochran 1977); `blocks.py` says what becomes of it. Where a share or an AUC rests on few
rows its interval is never narrower than what their count alone allows (`counts.py`).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.evaluation.blocks import as_blocks, block_sums, few_days, interval, lasting_of
from kreis.evaluation.distributions import student_t_quantile
from kreis.evaluation.overlap import overlap_of
from kreis.tasks.metrics.metric import Metric, RatioMetric, Rows
from kreis.tasks.metrics.positive_rate import PositiveRate
from kreis.tasks.metrics.yes_no import Share, YesNoRows
from kreis.texts import number

__all__ = ["ENDS", "Estimate", "estimate", "gap_estimate", "mean_estimate", "paired_difference", "share_estimate"]

_BY_BLOCK = "blocks"
_BY_COUNT = "blocks, never narrower than the count allows"
_COUNT = "the count of independent rows (Wilson 1927)"
_NO_VARIATION = "no variation seen: binomial bound"
_ONE_BLOCK = "fewer than two blocks: bounds of the metric"
_UNDEFINED = "undefined on these rows"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its uncertainty. `value` is NaN where the metric is undefined."""

    value: float
    low: float
    high: float
    level: float = 0.95
    n: int
    """Rows."""
    blocks: int
    """Days, groups, or the rows themselves."""
    method: str = _BY_BLOCK
    effective: float | None = None
    """How many independent days of equal size would tell as much."""
    warning: str | None = None
    """Why the interval should not decide anything."""

    @property
    def defined(self) -> bool:
        """Whether the metric had a value on these rows."""
        return not math.isnan(self.value)

    @property
    def block_deviation(self) -> float:
        """Roughly the standard deviation of one block's value, read back from the interval's width."""
        if self.blocks < 2:
            return math.nan
        quantile = student_t_quantile(0.5 + self.level / 2, self.blocks - 1)
        return (self.high - self.low) / (2 * quantile) * math.sqrt(self.blocks)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document; an undefined value is null, and so is an end that nothing bounds."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        numbers = {name: getattr(self, name) for name in ENDS}
        return {**document, **{name: number if math.isfinite(number) else None for name, number in numbers.items()}}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Estimate:
        """The inverse of `to_document`."""
        ends = {name: end for name, end in ENDS.items() if document[name] is None}
        return msgspec.convert({**document, **ends}, type=cls)

    def __str__(self) -> str:
        if not self.defined:
            return "unknown"
        return f"{number(self.value)} ({number(self.low)} to {number(self.high)})"


ENDS = {"value": math.nan, "low": -math.inf, "high": math.inf}
"""What null stands for in a document."""


def estimate(metric: Metric, rows: Rows, blocks: Codes, *, level: float = 0.95) -> Estimate:
    """A metric on rows, with its interval.

    Args:
        metric: What to measure.
        rows: Predictions with known outcomes, n of them.
        blocks: The day of each row, shape (n,): any labels whose order is that of time.
        level: How often the interval is to hold the truth.

    Raises:
        ProjectError: blocks and rows differ in number.
    """
    _check(rows, blocks)
    weights = metric.weights(rows)
    found = _finish(metric.value(rows), metric.influence(rows), blocks, metric.bounds, level, weights, rows)
    if not found.defined:
        return found
    if excess := metric.excess(rows, as_blocks(blocks)):
        alike = math.sqrt(found.blocks / (found.effective or 1.0))
        found = msgspec.structs.replace(found, low=max(found.low - alike * excess, metric.bounds[0]))
    return _bounded_by_count(metric, rows, found)


def paired_difference(metric: Metric, first: Rows, second: Rows, blocks: Codes, *, level: float = 0.95) -> Estimate:
    """By how much a metric is greater for `first` than for `second`, on the same rows in the same order.

    Raises:
        ProjectError: the two differ in number, or in what happened.
    """
    _check(first, blocks)
    alike = first.own_outcomes or np.array_equal(first.outcomes, second.outcomes, equal_nan=True)
    if len(first) != len(second) or not alike:
        raise ProjectError("a paired difference needs the same rows, in the same order", where=metric.name)
    low, high = metric.bounds
    span = high - low
    value = metric.value(first) - metric.value(second)
    influence = metric.influence(first) - metric.influence(second)
    weights = np.ones(len(first)) if isinstance(metric, RatioMetric) else None
    return _finish(value, influence, blocks, (-span, span), level, weights, first, symmetric=True)


def mean_estimate(
    values: Floats,
    blocks: Codes,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = 0.95,
    rows: Rows | None = None,
) -> Estimate:
    """The mean of `values`, shape (n,), with its interval.

    Args:
        values: Of each row, shape (n,).
        blocks: The block of each row, as for `estimate`.
        bounds: Between which each value lies.
        level: How often the interval is to hold the truth.
        rows: The rows themselves, which say what blocks are; days, if not given.
    """
    if not len(values):
        return _finish(math.nan, values, blocks, bounds, level, None, rows)
    mean = float(values.mean())
    return _finish(mean, (values - mean) / len(values), blocks, bounds, level, np.ones(len(values)), rows)


def share_estimate(hits: Booleans, blocks: Codes, rows: Rows, *, level: float = 0.95) -> Estimate:
    """The share of some rows that are hits, never narrower than their count allows.

    Args:
        hits: Of each row, shape (n,).
        blocks: The block of each row, as for `estimate`.
        rows: The rows themselves, which say what blocks are, and how often each row comes.
        level: How often the interval is to hold the truth.
    """
    known = {name: getattr(rows, name) for name in ("climate", "spans", "blocks_are", "repeats")}
    yes_no = YesNoRows(hits, hits.astype(np.float64), hits, **known)
    return estimate(PositiveRate(), yes_no, blocks, level=level)


def gap_estimate(values: Floats, inside: Booleans, blocks: Codes, rows: Rows, *, level: float = 0.95) -> Estimate:
    """By how much the mean of some rows is above that of all others.

    Args:
        values: Of each row, shape (n,).
        inside: Which rows these are, shape (n,).
        blocks: The day of each row, as for `estimate`.
        rows: The rows themselves, which say what blocks are.
        level: How often the interval is to hold the truth.
    """
    _check(rows, blocks)
    counts = int(inside.sum()), int((~inside).sum())
    if not min(counts):
        return _finish(math.nan, values, blocks, (-math.inf, math.inf), level, None, rows)
    within, others = (float(values[each].mean()) for each in (inside, ~inside))
    influence = np.where(inside, (values - within) / counts[0], (others - values) / counts[1])
    weights = inside.astype(np.float64)  # the days that hold them are those that tell
    return _finish(within - others, influence, blocks, (-math.inf, math.inf), level, weights, rows)


def _check(rows: Rows, blocks: Codes) -> None:
    if len(rows) != len(blocks):
        raise ProjectError(f"{len(rows)} rows but {len(blocks)} blocks", hint="give each row the code of its day")


def _bounded_by_count(metric: Metric, rows: Rows, found: Estimate) -> Estimate:
    """Widened to what the count of rows allows, where few are of the rarer kind."""
    if found.method == _NO_VARIATION and isinstance(metric, RatioMetric):  # its interval comes from the count already
        return found
    once, share = rows.once, isinstance(metric, Share)
    bounds = metric.count_bounds(rows if share else once, found.level)  # the share is that of all repeats
    if bounds is None:
        return found
    if share and rows.blocks_are == "rows" and found.blocks == len(once):
        return msgspec.structs.replace(found, low=bounds[0], high=bounds[1], method=_COUNT)
    low, high = min(found.low, bounds[0]), max(found.high, bounds[1])
    return msgspec.structs.replace(found, low=low, high=high, method=_BY_COUNT)


def _row_noise(influence: Floats, sums: Floats, codes: Codes) -> Floats:
    """The variance of each block's sum, were its rows independent; shape (blocks,)."""
    rows = np.bincount(codes).astype(np.float64)
    squares = block_sums(influence**2, codes) - sums**2 / rows
    noise: Floats = squares * rows / np.maximum(rows - 1, 1)
    return noise


def _finish(
    value: float,
    influence: Floats,
    blocks: Codes,
    bounds: tuple[float, float],
    level: float,
    weights: Floats | None,
    rows: Rows | None = None,
    *,
    symmetric: bool = False,
) -> Estimate:
    """Choose the interval that the rows allow, within the bounds of the metric."""
    floor, ceiling = bounds
    codes = as_blocks(blocks)
    count = int(codes.max()) + 1 if len(codes) else 0
    low, high, effective = floor, ceiling, float(count)
    method, warning = _BY_BLOCK, None
    if math.isnan(value):
        method = _UNDEFINED
    elif count < 2:
        method = _ONE_BLOCK
    else:
        sums = block_sums(influence, codes)
        sizes = np.bincount(codes).astype(np.float64) if weights is None else block_sums(weights, codes)
        if np.ptp(sums) > 1e-12 * max(1.0, abs(value)):
            known = {"noise": _row_noise(influence, sums, codes), **_known_of(rows, codes), "symmetric": symmetric}
            low, high, effective = interval(value, sums, level=level, sizes=sizes, **known)
            warning = few_days(effective, sizes, "days" if rows is None else rows.blocks_are)
        else:
            # all alike: what differs is rarer than 1 - (alpha/2)^(1/n) (Clopper and Pearson 1934 at 0 of n)
            counting = count if weights is None else int((weights > 0).sum()) // (1 if rows is None else rows.repeats)
            rare = 1 - ((1 - level) / 2) ** (1 / counting)
            low, high = value - (value - floor) * rare, value + (ceiling - value) * rare
            method = _NO_VARIATION
    return Estimate(
        value=value,
        low=max(low, floor),
        high=min(high, ceiling),
        level=level,
        n=len(influence) // (1 if rows is None else rows.repeats),
        blocks=count,
        method=method,
        effective=effective,
        warning=warning,
    )


def _known_of(rows: Rows | None, codes: Codes) -> dict[str, Any]:
    """What rows tell of how alike their blocks are, for `interval`."""
    if rows is None:
        return {"ordered": True}
    ordered = rows.blocks_are == "days"
    overlap = overlap_of(rows.spans, codes) if ordered and rows.spans is not None else None
    told = ordered and rows.climate is None and overlap is None
    lasting = lasting_of(rows.outcomes, codes) if told else 0.0
    return {"climate": rows.climate, "lasting": lasting, "ordered": ordered, "overlap": overlap}
