"""Estimates with intervals. Rows of one block (a day) may move together, blocks are taken as independent.

The variance is that of the sums by block of the metric's influence values (for the AUC this is Obuchowski
1997, for ratios the linearisation of Cochran 1977). From 8 to 400 blocks the interval is a studentised
bootstrap of the blocks (Efron 1982, section 10.10; second-order correct, Hall 1988), with the same draws always,
so that equal inputs give equal intervals. Otherwise it is Student's t with Hall's transformation against skewness
(Hall 1992, "On the removal of skewness by transformation", JRSS-B 54, 221-228, g1), which covers as well but is a
tenth to a fifth wider where days are very skewed. A percentile bootstrap of 30 days covers 92-93 %, not 95 %.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.evaluation.metrics.metric import Codes, Floats, Metric, RatioMetric, Rows
from kreis.evaluation.quantiles import student_t_quantile

__all__ = [
    "Estimate",
    "as_blocks",
    "block_sums",
    "estimate",
    "interval",
    "mean_estimate",
    "paired_difference",
    "readable",
]

_BOOTSTRAP = "studentised bootstrap of blocks"
_HALL = "block influence, Hall-corrected t"
_FEWEST, _MOST, _DRAWS = 8, 400, 1999
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
    """Independent units: days."""
    method: str = _BOOTSTRAP

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
        """As a plain JSON document; an undefined value is null."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {**document, "value": self.value if self.defined else None}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Estimate:
        """The inverse of `to_document`."""
        value = document["value"]
        return msgspec.convert({**document, "value": math.nan if value is None else value}, type=cls)

    def __str__(self) -> str:
        return f"{readable(self.value)} ({readable(self.low)} to {readable(self.high)})"


def readable(value: float) -> str:
    """A number as people read it: four digits, or whole with its thousands set off."""
    return f"{value:,.0f}" if 1000 <= abs(value) < math.inf else f"{value:.4g}"


def as_blocks(labels: npt.ArrayLike) -> Codes:
    """Any labels (dates, integers) as codes 0..k-1, shape (n,)."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)


def block_sums(values: Floats, blocks: Codes) -> Floats:
    """Sum of each block, shape (number of blocks,); blocks are codes 0..k-1."""
    sums: Floats = np.bincount(blocks, weights=values).astype(np.float64)
    return sums


def interval(value: float, influence: Floats, *, level: float = 0.95) -> tuple[float, float]:
    """The interval around `value` whose blocks' influence sums are given, shape (blocks,), two blocks or more."""
    count = len(influence)
    centred = influence - influence.mean()
    square = float(centred @ centred)
    error = math.sqrt(square * count / (count - 1))
    if _FEWEST <= count <= _MOST:
        below, above = _studentised(centred, level)
    else:
        quantile = student_t_quantile(0.5 + level / 2, count - 1)
        second = square / count
        skewness = float((centred**3).mean()) / second**1.5 if second > 0 else 0.0
        shift = skewness / (6 * math.sqrt(count))
        below, above = _hall(-quantile, shift), _hall(quantile, shift)
    return value - above * error, value - below * error


def _studentised(centred: Floats, level: float) -> tuple[float, float]:
    """Quantiles of the t statistic over bootstrap draws of the blocks."""
    draws = _draws(len(centred))
    sums = draws @ centred
    spread = draws @ centred**2 - sums**2 / len(centred)
    varied = spread > 1e-9 * float(centred @ centred)
    statistics = sums[varied] / np.sqrt(spread[varied] * len(centred) / (len(centred) - 1))
    tail = (1 - level) / 2
    below, above = np.quantile(statistics, [tail, 1 - tail])
    return float(below), float(above)


@lru_cache(maxsize=8)
def _draws(count: int) -> Floats:
    """How often each block is drawn in each draw, shape (draws, blocks)."""
    rng = np.random.default_rng(1979)
    drawn: Floats = rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS).astype(np.float64)
    return drawn


def _hall(quantile: float, shift: float) -> float:
    """The quantile of a skewed t statistic (Hall 1992, inverse of g1)."""
    if abs(shift) < 1e-8:
        return quantile
    return (math.cbrt(1 + 6 * shift * (quantile - shift)) - 1) / (2 * shift)


def estimate(metric: Metric, rows: Rows, blocks: Codes, *, level: float = 0.95) -> Estimate:
    """A metric on rows, with its interval.

    Args:
        metric: What to measure.
        rows: Predictions with known outcomes, n of them.
        blocks: Codes of the independent units, shape (n,): the day of each row.
        level: How often the interval is to hold the truth.

    Raises:
        ProjectError: blocks and rows differ in number.
    """
    _check(rows, blocks)
    value = metric.value(rows)
    support = float((metric.terms(rows)[1] > 0).sum()) if isinstance(metric, RatioMetric) else None
    return _finish(value, metric.influence(rows), blocks, metric.bounds, level, support)


def paired_difference(metric: Metric, first: Rows, second: Rows, blocks: Codes, *, level: float = 0.95) -> Estimate:
    """By how much a metric is greater for `first` than for `second`, on the same rows in the same order.

    Raises:
        ProjectError: the two differ in number, or in what happened.
    """
    _check(first, blocks)
    if len(first) != len(second) or not np.array_equal(first.outcomes, second.outcomes):
        raise ProjectError("a paired difference needs the same rows, in the same order", where=metric.name)
    low, high = metric.bounds
    span = high - low
    value = metric.value(first) - metric.value(second)
    influence = metric.influence(first) - metric.influence(second)
    support = float(len(first)) if isinstance(metric, RatioMetric) else None
    return _finish(value, influence, blocks, (-span, span), level, support)


def mean_estimate(
    values: Floats, blocks: Codes, *, bounds: tuple[float, float] = (-math.inf, math.inf), level: float = 0.95
) -> Estimate:
    """The mean of `values`, shape (n,), with its interval."""
    if not len(values):
        return _finish(math.nan, values, blocks, bounds, level, None)
    mean = float(values.mean())
    return _finish(mean, (values - mean) / len(values), blocks, bounds, level, float(len(values)))


def _check(rows: Rows, blocks: Codes) -> None:
    if len(rows) != len(blocks):
        raise ProjectError(f"{len(rows)} rows but {len(blocks)} blocks", hint="give each row the code of its day")


def _finish(
    value: float, influence: Floats, blocks: Codes, bounds: tuple[float, float], level: float, support: float | None
) -> Estimate:
    """Choose the interval that the rows allow, within the bounds of the metric."""
    floor, ceiling = bounds
    codes = as_blocks(blocks)
    count = int(codes.max()) + 1 if len(codes) else 0
    low, high = floor, ceiling
    method = _BOOTSTRAP if _FEWEST <= count <= _MOST else _HALL
    if math.isnan(value):
        method = _UNDEFINED
    elif count < 2:
        method = _ONE_BLOCK
    else:
        sums = block_sums(influence, codes)
        if np.ptp(sums) > 1e-12 * max(1.0, abs(value)):
            low, high = interval(value, sums, level=level)
        else:
            # all alike: what differs is rarer than 1 - (alpha/2)^(1/n) (Clopper and Pearson 1934 at 0 of n)
            rare = 1 - ((1 - level) / 2) ** (1 / (support or count))
            low, high = value - (value - floor) * rare, value + (ceiling - value) * rare
            method = _NO_VARIATION
    return Estimate(
        value=value,
        low=max(low, floor),
        high=min(high, ceiling),
        level=level,
        n=len(influence),
        blocks=count,
        method=method,
    )
