"""How far a distribution has moved, with the sampling error of saying so.

The population stability index of two identical distributions is not 0 but about (k - 1)(1/n + 1/m), chi-square
with k - 1 degrees of freedom at that scale (Yurdakul and Naranjo 2020, "Statistical properties of the population
stability index", Journal of Risk Model Validation 14). Alarms at a fixed value of the raw index therefore depend
on the sample size. Here that expectation is subtracted and the rest comes with a standard error.

Rows of one day share their weather, so the variance of the current distribution is taken between days where
there are several (as for cluster samples), which makes both the correction and the error larger and true.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from kreis.evaluation.metrics.metric import Codes, Floats

__all__ = ["Divergence", "stability"]


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

    def low(self, quantile: float) -> float:
        """The lower confidence bound at a normal quantile."""
        return self.psi - quantile * self.error


def stability(reference: Codes, days: Codes) -> Divergence:
    """The divergence of current counts from reference counts.

    Args:
        reference: Counts by bin, shape (k,).
        days: Counts by day and bin, shape (d, k).
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
    slope_p, slope_q = log + 1 - q / p, 1 - p / q - log
    spread, first = _between_days(days[:, used], p, slope_p)
    bias_p = 0.5 * float((1 / p + q / p**2) @ spread)
    bias_q = 0.5 * float((1 / q + p / q**2) @ (q * (1 - q) / m))
    units = bins - 1 if len(days) == 1 else min(bins, len(days)) - 1
    second = 2 * bias_p**2 / units + 2 * bias_q**2 / (bins - 1)
    third = float(q @ slope_q**2 - (q @ slope_q) ** 2) / m
    return Divergence(
        psi=raw - bias_p - bias_q,
        error=math.sqrt(max(first + second + third, 0.0)),
        raw=raw,
        moved=float(np.abs(p - q).sum() / 2),
        n=n,
    )


def _smoothed(counts: Codes) -> Floats:
    """Shares, with half a row added to each bin so that no logarithm is infinite (Jeffreys' prior)."""
    shares: Floats = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares


def _between_days(days: Codes, p: Floats, slope: Floats) -> tuple[Floats, float]:
    """The variance of each bin's share, and that of their sum weighted by `slope`; never below that of chance."""
    n = days.sum()
    chance = p * (1 - p) / n
    first = float(p @ slope**2 - (p @ slope) ** 2) / float(n)
    counted = days[days.sum(axis=1) > 0]
    if len(counted) < 2:
        return chance, first
    rest = (counted - counted.sum(axis=1, keepdims=True) * p) / n
    scale = len(counted) / (len(counted) - 1)
    spread: Floats = np.maximum(chance, scale * (rest**2).sum(axis=0))
    return spread, max(first, scale * float(((rest @ slope) ** 2).sum()))
