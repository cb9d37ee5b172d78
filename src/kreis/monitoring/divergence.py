"""How far a distribution has moved, with the sampling error of saying so.

The population stability index of two identical distributions is not 0 but about (k - 1)(1/n + 1/m), chi-square
with k - 1 degrees of freedom at that scale (Yurdakul and Naranjo 2020, "Statistical properties of the population
stability index", Journal of Risk Model Validation 14). Alarms at a fixed value of the raw index therefore depend
on the sample size. Here that expectation is subtracted and the rest comes with an error.

Rows of one day share their weather, and days hang together. How much an unmoved window varies is therefore taken from
like windows of the training data, or between the window's days (`kreis.monitoring.variation`), which makes both the
correction and the error larger and true. From days, the index of an unmoved distribution is a weighted sum of
chi-squares, taken as one of the same mean and variance (Satterthwaite 1946, "An approximate distribution of estimates
of variance components", Biometrics Bulletin 2, 110-114).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from kreis.arrays import Codes, Floats
from kreis.evaluation.distributions import student_t_quantile
from kreis.monitoring.variation import Expected, spread_of_days

__all__ = ["Divergence", "stability"]

_OF_WINDOWS = 6.0


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """By how much a feature has moved."""

    psi: float
    """Population stability index less what chance alone would give; about 0 when nothing has moved."""
    error: float
    """Its standard error."""
    raw: float
    """The index as usually computed."""
    moved: float
    """Share of the rows that would have to change bins to get the reference back (total variation)."""
    n: int
    slope: float = 0.0
    """The part of the error that grows with the distance moved."""
    freedom: float = math.inf
    """Degrees of freedom of the error itself."""
    root: float = 3.0
    roots: tuple[float, float] = (0.0, 0.0)
    """Mean and standard deviation of the index of an unmoved distribution, of which this root is taken."""

    def low(self, tail: float = 0.025) -> float:
        """The lower confidence bound of the index: it lies above the true one with a probability of about `tail`."""
        if not math.isfinite(self.error):
            return -math.inf
        return self.psi - student_t_quantile(1 - tail, self.freedom) * self.slope

    def beyond_chance(self, alpha: float) -> bool:
        """Whether an unmoved distribution would give as large an index with a probability of `alpha` at most."""
        mean, deviation = self.roots
        wider = deviation * math.sqrt(1 + 1 / self.freedom)
        limit = mean + student_t_quantile(1 - alpha, self.freedom) * wider
        return bool(max(self.raw, 0.0) ** (1 / self.root) > limit)


def stability(reference: Codes, days: Codes, held: Expected | None = None, *, twice: bool = False) -> Divergence:
    """The divergence of current counts from reference counts.

    Args:
        reference: Counts by bin, shape (k,).
        days: Counts by day and bin, shape (d, k).
        held: How windows of the training data vary; from the days themselves if not given or not known.
        twice: Whether the reference is as short as the days and varies as much.
    """
    current = days.sum(axis=0)
    n, m = int(current.sum()), int(reference.sum())
    used = (current + reference) > 0
    bins = int(used.sum())
    if n == 0 or m == 0 or bins < 2:
        return Divergence(psi=0.0, error=math.inf if n == 0 or m == 0 else 0.0, raw=0.0, moved=0.0, n=n)
    p, q = _smoothed(current[used]), _smoothed(reference[used])
    log = np.log(p / q)
    raw = float((p - q) @ log)
    strays, freedom = np.zeros((1, bins)), math.inf
    if held is not None and held.strays is not None:
        strays, freedom = held.strays[:, used], held.freedom
    elif (own := spread_of_days(days)) is not None:
        strays, freedom = own[0][:, used], own[1]
    strays = strays * (math.sqrt(2) if twice else 1)
    straying = strays * np.sqrt(p)
    near = np.maximum(p, np.sqrt((straying**2).sum(axis=0)))  # a share that errs by so much is no nearer to nought
    slope_p, slope_q = np.log(near / q) + 1 - q / near, 1 - p / q - log
    curve_p, curve_q = 0.5 * (1 / near + q / near**2), 0.5 * (1 / q + p / q**2)
    bias = max(float(curve_p @ (p * (1 - p) / n)), float((straying**2 @ curve_p).sum()))
    bias += float(curve_q @ (q * (1 - q) / m))
    first = max(float(p @ slope_p**2 - (p @ slope_p) ** 2) / n, float(((straying @ slope_p) ** 2).sum()))
    third = float(q @ slope_q**2 - (q @ slope_q) ** 2) / m
    slope = math.sqrt(max(first + third, 0.0) * (max(1 - bias / raw, 0.0) if raw > 0 else 0.0))
    root, mean, deviation = _roots_by_chance(held, strays, n, m, 2.0 if twice else 1.0)
    return Divergence(
        psi=raw - bias,
        error=math.hypot(slope, root * mean ** (root - 1) * deviation),
        raw=raw,
        moved=float(np.abs(p - q).sum() / 2),
        n=n,
        slope=slope,
        freedom=freedom,
        root=root,
        roots=(mean, deviation),
    )


def _roots_by_chance(held: Expected | None, strays: Floats, n: int, m: int, times: float) -> tuple[float, float, float]:
    """Which root of the index of an unmoved distribution is nearly normal, and that root's mean and deviation.

    It is the cube root for chi-squares (Wilson and Hilferty 1931, "The distribution of chi-square", PNAS 17, 684-688).
    Windows of weather have a longer tail: by cube roots, days with a lag-1 correlation of .8 gave two alerts a year
    where one is stated, by sixth roots a fifth of one (`tests/monitoring/test_false_alarms.py`).
    """
    free = strays.shape[1] - 1.0
    if held is not None and held.indices is not None:
        rows = free * max(1 / n - 1 / held.rows, 0.0)  # fewer than in the training data's windows
        roots = (times * held.indices + rows) ** (1 / _OF_WINDOWS)
        return _OF_WINDOWS, float(roots.mean()), float(roots.std(ddof=1))
    each, rows = float((strays**2).sum()), free / n
    together = float(((strays @ strays.T) ** 2).sum())
    each, together = (each, together) if each > rows else (rows, rows**2 / free)
    each += free / m
    units = each**2 / (math.sqrt(together) + math.sqrt(free) / m) ** 2
    return 3.0, float(np.cbrt(each) * (1 - 2 / (9 * units))), float(np.cbrt(each) * math.sqrt(2 / (9 * units)))


def _smoothed(counts: Codes) -> Floats:
    """Shares, with half a row added to each bin so that no logarithm is infinite (Jeffreys' prior)."""
    shares: Floats = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares
