"""How far an estimate may be off, from what each block (a day, a group, a row) contributed to its error.

The split says what the blocks are. Days come in the order of time, and three things make their plain standard error
too small. Each is mended here:

- Days of unequal size: the variance is that of the jackknife, each block's sum divided by one less its share of the
  rows (CR3: MacKinnon, Nielsen and Webb 2023, "Fast and reliable jackknife and bootstrap methods for
  cluster-robust inference", section 2), and the days count by their size (Kish 1965, section 11.7).
- Days that hang together: the variance is multiplied by (1 + r) / (1 - r), the long-run variance of an autoregression
  (prewhitening as in Andrews and Monahan 1992), r being the correlation of neighbouring blocks, corrected for its bias
  (Kendall 1954). Where part of a day's sum is the noise of its rows, which neighbours do not share, what remains lasts
  longer: an autoregression seen through noise, whose factor is 1 + 2 r / (1 - r / share of what remains). Thirty days
  can hardly tell r: two thirds of it come from how long what happens lasted in a longer history, where there is one;
  where there is none it is corrected upward until simulated coverage holds, and counts as 0 below 0.15.
- Both leave fewer degrees of freedom for Student's t.

Forecasts of several periods share what happens in the periods that both are about, which is known beforehand: the
variance grows by that at least (`overlap.py`). How long levels last says nothing of how long errors do, so no history
of outcomes is asked.

Groups and single rows have no order, so that only the first holds of them.

From 8 to 400 blocks the quantiles are those of a studentised bootstrap of the blocks (Efron 1982, section 10.10;
second-order correct, Hall 1988), with the same draws always, so that equal inputs give equal intervals. Otherwise, and
further out than its draws reach, they are Student's t with Hall's transformation against skewness (Hall 1992, "On the
removal of skewness by transformation", JRSS-B 54, 221-228, g1).

Differences of two models on the same rows have no skewness where the two are alike: each is as often the better one.
What is seen of it is then chance, and correcting for it tells models apart too often. So there, from 200 blocks on, it
is corrected for only where it is more than two of its standard errors (Gupta 1967, "An asymptotically nonparametric
test of symmetry", Annals of Mathematical Statistics 38, 849-866); else the quantiles are Student's t.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.evaluation.distributions import student_t_quantile
from kreis.evaluation.overlap import Overlap

__all__ = [
    "Interval",
    "as_blocks",
    "block_sums",
    "climate_of",
    "enough_after",
    "few_days",
    "in_folds",
    "interval",
    "lasting_of",
    "of_blocks",
]

_FEWEST, _MOST, _DRAWS = 8, 400, 1999
_LEAST_TAIL = 8 / _DRAWS
_CORRELATED_FROM, _CORRELATED_AT_MOST = 0.15, 0.97
_LEAST_REMAINS, _LASTING_AT_MOST = 0.2, 0.75
_CLIMATE_AT_MOST, _HISTORY = 0.9, 60
_FEW_EFFECTIVE = 5
_SYMMETRIC_FROM = 200
_UNEVEN = 0.4


class Interval(NamedTuple):
    """Bounds, and how many independent days of equal size would tell as much."""

    low: float
    high: float
    effective: float


def as_blocks(labels: npt.ArrayLike) -> Codes:
    """Any labels (dates, integers) as codes 0..k-1 in their order, shape (n,)."""
    values = np.asarray(labels)
    small = values.dtype == np.int64 and len(values) and values.min() == 0 and values.max() < len(values)
    if small and np.bincount(values).all():  # they are such codes already: no need to sort
        return values
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def block_sums(values: Floats, blocks: Codes) -> Floats:
    """Sum of each block, shape (number of blocks,); blocks are codes 0..k-1."""
    sums: Floats = np.bincount(blocks, weights=values).astype(np.float64)
    return sums


def interval(
    value: float,
    influence: Floats,
    *,
    level: float = 0.95,
    sizes: Floats | None = None,
    noise: Floats | None = None,
    climate: float | None = None,
    lasting: float = 0.0,
    ordered: bool = True,
    overlap: Overlap | None = None,
    symmetric: bool = False,
) -> Interval:
    """The interval around a value.

    Args:
        value: The estimate.
        influence: Each block's sum of the rows' influence on it, shape (blocks,), two blocks or more, in time's order.
        level: How often the interval is to hold the truth.
        sizes: What each block weighs in the estimate (its rows), shape (blocks,); all alike if not given.
        noise: The variance of each block's sum if its rows were independent, shape (blocks,); 0 if not given.
        climate: How much neighbouring days are alike in what is not the noise of their rows, known from longer history.
        lasting: The same of these days alone, where there is no history: how long what happens on them lasts.
        ordered: Whether blocks follow each other in time, so that neighbours may hang together.
        overlap: What blocks share because rows of several of them are about the same time (`overlap_of`).
        symmetric: Whether there is no skewness unless it is shown: of differences between two models.
    """
    count = len(influence)
    shares = np.full(count, 1 / count) if sizes is None else sizes / sizes.sum()
    if shares.max() > 1 - 1e-9:
        return Interval(-math.inf, math.inf, 1.0)
    left_out = influence / (1 - shares)
    centred = left_out - left_out.mean()
    spread = float(centred @ centred)
    rows = 0.0 if noise is None else float((noise / (1 - shares) ** 2).sum())
    remains = 1 - rows / spread if spread > 0 else 1.0
    days = 1 / float(shares @ shares)
    if not ordered:
        alike = _Alike(1.0, count - 1, 1.0)
    elif overlap is not None:
        alike = _overlapping(centred, spread, remains, overlap)
    elif climate is None:
        alike = _own(centred, spread, remains, lasting)
    else:
        alike = _with_history(centred, spread, remains, climate)
    error = math.sqrt(float(left_out @ left_out) * (count - 1) / count * alike.longer)
    upper = 0.5 + level / 2
    plain = student_t_quantile(upper, count - 1)
    if symmetric and count >= _SYMMETRIC_FROM and not _skewed(centred):
        below, above = -plain, plain
    elif _FEWEST <= count <= _MOST and 1 - upper >= _LEAST_TAIL:
        below, above = _studentised(centred, level)
    else:
        second = spread / count
        skewness = float((centred**3).mean()) / second**1.5 if second > 0 else 0.0
        shift = skewness / (6 * math.sqrt(count))
        below, above = _hall(-plain, shift), _hall(plain, shift)
    error *= student_t_quantile(upper, max(alike.freedom * days / count, 1.0)) / plain
    return Interval(value - above * error, value - below * error, days / alike.independent)


def of_blocks(count: int, blocks_are: str) -> str:
    """Of how many blocks rows are, in words that follow "100 rows"; nothing where each row is one."""
    return "" if blocks_are == "rows" else f" of {count:,} {blocks_are}"


def in_folds(folds: int) -> str:
    """In how many folds of a cross-validation, in words that follow; nothing where there is none."""
    return f" in {folds} folds" if folds else ""


def few_days(effective: float, sizes: Floats, blocks_are: str = "days") -> str | None:
    """Why an interval over blocks of these sizes should not decide anything yet, or None if it may."""
    count, rows = len(sizes), float(sizes.sum())
    if count < _FEWEST:
        return f"{count} {blocks_are} are too few to say how much {blocks_are} differ: at least {_FEWEST} are needed"
    if rows**2 / float(sizes @ sizes) < _UNEVEN * rows * count / (rows + count):  # less than even chances would leave
        largest = sizes.max() / rows
        return f"its {count} {blocks_are} are so unequal that few of them decide: the largest holds {largest:.0%}"
    if effective < min(_FEW_EFFECTIVE, count / 3):
        return (
            f"its {count} {blocks_are} are so much alike that they tell as little as {effective:.1f} independent ones"
        )
    return None


def enough_after(count: int, effective: float) -> float:
    """How many more blocks, as a multiple of the present ones, end the warning of `few_days`; 0 where it is not known
    (they are too unequal).
    """
    if count < _FEWEST:
        return _FEWEST / count - 1
    return max(_FEW_EFFECTIVE / effective - 1, 0.0)


class _Alike(NamedTuple):
    """What it means that neighbouring blocks are alike."""

    longer: float
    """By what the variance grows."""
    freedom: float
    """Degrees of freedom that are left."""
    independent: float
    """How many blocks tell as much as one independent block."""


def _own(centred: Floats, spread: float, remains: float, lasting: float) -> _Alike:
    """From these blocks alone: corrected upward for what short series hide, 0 where it is small or cannot be told."""
    count = len(centred)
    if count < _FEWEST or spread <= 0:
        return _Alike(1.0, count - 1, 1.0)
    correlated, remains = _corrected(centred), min(max(remains, _LEAST_REMAINS), 1.0)
    independent = (1 + correlated) / (1 - correlated)
    longer = max(
        independent,
        1 + 2 * correlated / (1 - min(correlated / remains, _LASTING_AT_MOST)),
        1 + 2 * remains * lasting / (1 - lasting),  # what is mostly noise cannot tell by itself
    )
    return _Alike(longer, count / longer - 1, independent)


def _overlapping(centred: Floats, spread: float, remains: float, overlap: Overlap) -> _Alike:
    """What is shared for certain, whether these few blocks show it or not; and what they show beyond that, where it is
    more than one standard error of a correlation (Bartlett 1946): it would be counted twice otherwise.
    """
    count, own = len(centred), _own(centred, spread, remains, 0.0)
    if overlap.factor <= 1 or count < _FEWEST or spread <= 0:
        return own
    shared = overlap.neighbours
    seen = _seen(centred) - (shared - (1 + 3 * shared) / count)  # what so few blocks would show of it (Kendall 1954)
    beyond = min(seen / (1 - shared), _CORRELATED_AT_MOST) if seen > 1 / math.sqrt(count) else 0.0
    longer = min(overlap.factor * (1 + beyond) / (1 - beyond), max(own.longer, overlap.factor))
    return _Alike(longer, count / longer - 1, longer)


def _corrected(centred: Floats) -> float:
    count = len(centred)
    corrected = min((count * _seen(centred) + 1) / max(count - 6, 2 * count / 3), _CORRELATED_AT_MOST)
    return corrected if corrected >= _CORRELATED_FROM else 0.0


def _with_history(centred: Floats, spread: float, remains: float, climate: float) -> _Alike:
    """From these blocks and, with twice the weight, from how long what happens lasted in a longer history."""
    count = len(centred)
    if count < _FEWEST or spread <= 0:
        return _Alike(1.0, count - 1, 1.0)
    remains = min(max(remains, _LEAST_REMAINS), 1.0)
    own = (count * _seen(centred) + 1) / max(count - 6, 2 * count / 3)
    correlated = min(max((own + 2 * remains * climate) / 3, 0.0), _CLIMATE_AT_MOST)
    longer = 1 + 2 * correlated / (1 - min(correlated / remains, _CLIMATE_AT_MOST))
    hidden = (count - 1) / max(count - longer, 1.0)  # of the variance, by the mean that was taken off
    freedom = (count - 1) * (1 - correlated**2) / (1 + correlated**2)
    return _Alike(longer * hidden, freedom, longer)


def _seen(centred: Floats) -> float:
    """Correlation of neighbouring blocks."""
    return float(centred[1:] @ centred[:-1]) / float(centred @ centred)


def climate_of(outcomes: npt.NDArray[Any], days: Codes) -> float | None:
    """How much neighbouring days are alike in what happens on them, apart from chance: from all days that are known.

    A test part of 30 days can hardly tell; a longer history can. None if it is no longer than 60 days.

    Args:
        outcomes: What happened, shape (n,).
        days: The day of each row, in time's order, shape (n,).
    """
    sums, remains = _happened(outcomes, as_blocks(days))
    if len(sums) <= _HISTORY:
        return None
    if remains < _LEAST_REMAINS:
        return 0.0
    return min(max((len(sums) * _seen(sums) + 1) / (len(sums) - 6) / remains, 0.0), _CLIMATE_AT_MOST)


def lasting_of(outcomes: npt.NDArray[Any], blocks: Codes) -> float:
    """The same of few days alone: corrected upward, and 0 unless most of their difference is more than chance."""
    sums, remains = _happened(outcomes, blocks)
    if len(sums) < _FEWEST or remains < 0.5:
        return 0.0
    return min(_corrected(sums) / remains, _CLIMATE_AT_MOST)


def _happened(outcomes: npt.NDArray[Any], blocks: Codes) -> tuple[Floats, float]:
    """By how much more happened on each day than on average, and the share of its variance that is not chance."""
    known = outcomes[~np.isnan(outcomes)]
    if not len(known):
        return np.zeros(int(blocks.max(initial=-1)) + 1), 0.0
    apart = np.nan_to_num(outcomes - float(known.mean()), nan=0.0)
    sums = block_sums(apart, blocks)
    spread = float(sums @ sums)
    return sums, 1 - float(apart @ apart) / spread if spread > 0 else 0.0


def _skewed(centred: Floats) -> bool:
    """Whether the blocks show by more than two standard errors that their distribution is skewed (Gupta 1967)."""
    second, third, fourth, sixth = (float((centred**power).mean()) for power in (2, 3, 4, 6))
    variance = sixth - 6 * fourth * second + 9 * second**3
    return third**2 * len(centred) > 4 * variance


def _studentised(centred: Floats, level: float) -> tuple[float, float]:
    """Quantiles of the t statistic over bootstrap draws of the blocks."""
    statistics, tail = _statistics(centred.tobytes()), (1 - level) / 2
    return _quantile(statistics, tail), _quantile(statistics, 1 - tail)


@lru_cache(maxsize=4)
def _statistics(centred: bytes) -> Floats:
    """The t statistic of each bootstrap draw of the blocks, in order: the same blocks are asked for several levels."""
    blocks = np.frombuffer(centred)
    draws = _draws(len(blocks))
    sums = draws @ blocks
    spread = draws @ blocks**2 - sums**2 / len(blocks)
    varied = spread > 1e-9 * float(blocks @ blocks)
    return np.sort(sums[varied] / np.sqrt(spread[varied] * len(blocks) / (len(blocks) - 1)))


def _quantile(ordered: Floats, share: float) -> float:
    """As `numpy.quantile` has it, to the last bit, without its cost: between two of the numbers, which are in order."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    below, above, part = float(ordered[low]), float(ordered[min(low + 1, len(ordered) - 1)]), place - low
    return above - (above - below) * (1 - part) if part >= 0.5 else below + (above - below) * part


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
