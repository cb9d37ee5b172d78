"""What a feature's distribution over some days is compared with, and how much such days vary by themselves.

A package keeps the counts of each week of the training data. Windows of the same length in them, each against the
weeks around it (or against all others), show how far two weeks stray from the rest when nothing has changed: weather
that lasts, weekdays, seasons within the training data. That takes the place of an assumption about days, which hang
together (a lag-1 correlation of .4 to .8 in weather).

Where the training data hold the same season of an earlier year, only its weeks are the reference.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.deployment.manifest import Histogram

__all__ = ["Expected", "bin_edges", "expected", "reference_counts", "spread_of_days"]

_AROUND = 3
"""Weeks before and after that belong to the same season."""
_YEAR = 365.25
_FEWEST_WINDOWS = 4
_FEWEST_ROWS = 10
_EFFECTIVE = 0.6
"""Days never count for less than this share of their number together: fewer cannot be told from few days."""


class Expected(NamedTuple):
    """What a window of days is held against."""

    reference: Codes
    """Counts by bin, shape (k,)."""
    strays: Floats | None
    """Shape (m, k): `strays.T @ strays` is the covariance of a window's shares by bin, each in units of the root of the
    share; None where it is not known."""
    indices: Floats | None
    """The population stability index of each such window of the training data, shape (m,)."""
    rows: float
    """Of such a window, on average."""
    freedom: float
    """Degrees of freedom of these: windows that do not overlap, less one."""
    days: int
    """Days of the reference; 0 where that is not known."""


def bin_edges(histogram: Histogram) -> Floats:
    """The inner edges, with one below the least and one at the greatest value of the training data."""
    edges = np.array(histogram.edges, dtype=np.float64)
    if histogram.low is None or histogram.high is None:
        return edges
    below = np.nextafter(histogram.low, -np.inf)
    whole: Floats = np.concatenate(([below], edges, [histogram.high]))
    return whole


def reference_counts(histogram: Histogram, counts: Codes) -> Codes:
    """Counts of training data (the missing last), shape (…, k), with the empty bins beyond their range."""
    if not histogram.ranged:
        return counts
    empty = np.zeros((*counts.shape[:-1], 1), dtype=np.int64)
    whole: Codes = np.concatenate((empty, counts[..., :-1], empty, counts[..., -1:]), axis=-1)
    return whole


def expected(histogram: Histogram, last: date, length: int) -> Expected:
    """What the `length` days up to `last` are held against."""
    everything = reference_counts(histogram, np.array([*histogram.counts, histogram.missing], dtype=np.int64))
    span = -(-length // 7)
    if len(histogram.weeks) < span + 1:
        return Expected(everything, None, None, 0.0, np.inf, 0)
    weeks = reference_counts(histogram, np.array(histogram.weeks, dtype=np.int64))
    freedom = len(weeks) / span - 1
    season = _same_season(histogram, last - timedelta(days=length // 2), len(weeks))
    if season is not None:
        return Expected(weeks[season].sum(axis=0), *_windows(weeks, span, _AROUND), freedom, 7 * int(season.sum()))
    return Expected(everything, *_windows(weeks, span, None), freedom, 7 * len(weeks))


def _same_season(histogram: Histogram, middle: date, count: int) -> np.ndarray | None:
    """Which weeks are of the same season in earlier years; None where not most of a season's weeks are there."""
    begins = date.fromisoformat(histogram.begins)
    ages = np.array([(middle - begins).days - 7 * week - 3 for week in range(count)], dtype=np.float64)
    years = np.round(ages / _YEAR)
    near = (years >= 1) & (np.abs(ages - years * _YEAR) <= 7 * _AROUND + 3.5)
    return near if near.sum() >= 2 * _AROUND else None


def _windows(weeks: Codes, span: int, around: int | None) -> tuple[Floats | None, Floats | None, float]:
    """How each window of `span` weeks differs from the weeks around it, or from all others: shares, index, rows."""
    total = len(weeks)
    starts = np.arange(total - span + 1) if around is None else np.arange(around, total - span - around + 1)
    sums = np.concatenate((np.zeros((1, weeks.shape[1]), dtype=np.int64), np.cumsum(weeks, axis=0)))
    own = sums[starts + span] - sums[starts]
    other = (sums[-1] if around is None else sums[starts + span + around] - sums[starts - around]) - own
    rows, others = own.sum(axis=1, keepdims=True), other.sum(axis=1, keepdims=True)
    enough = ((rows >= _FEWEST_ROWS) & (others >= _FEWEST_ROWS))[:, 0]
    if enough.sum() < _FEWEST_WINDOWS:
        return None, None, 0.0
    p = (own[enough] + 0.5) / (rows[enough] + 0.5 * own.shape[1])
    q = (other[enough] + 0.5) / (others[enough] + 0.5 * own.shape[1])
    strays: Floats = (p - q) / np.sqrt(np.maximum(p, q) * enough.sum())
    indices: Floats = ((p - q) * np.log(p / q)).sum(axis=1)
    return strays, indices, float(rows[enough].mean())


def spread_of_days(days: Codes) -> tuple[Floats, float] | None:
    """As `Expected.strays` and `freedom`, from the days of the window itself; None for a single day.

    The variance of their mean counts each day for less where days hang together: by the sum of the autocorrelations
    of a first-order process, its lag-1 correlation pooled over bins and corrected for its bias (Kendall 1954, "Note
    on bias in the estimation of autocorrelation", Biometrika 41, 403-404).
    """
    counted = days[days.sum(axis=1) > 0]
    count = len(counted)
    if count < 2:
        return None
    shares = counted.sum(axis=0) / counted.sum()
    rest = (counted - counted.sum(axis=1, keepdims=True) * shares) / counted.sum()
    weighted = rest / np.sqrt(np.maximum(shares, 0.5 / counted.sum()))
    square = float((weighted**2).sum())
    by_chance = (np.count_nonzero(shares) - 1) / counted.sum()  # of days that differ in their rows only
    lag = float((weighted[1:] * weighted[:-1]).sum()) / square if square > 0.5 * by_chance else 0.0
    correlation = min(max(lag + (1 + 3 * lag) / count, 0.0), 0.95)
    lags = np.arange(1, count)
    together = 1 + 2 * float(((1 - lags / count) * correlation**lags).sum())
    together = min(together, _EFFECTIVE * count)
    return weighted * np.sqrt(together * count / (count - together)), max(count / together - 1, 1.0)
