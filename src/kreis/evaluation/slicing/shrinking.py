"""Estimates drawn towards what all of them show together, so that the greatest is not just the noisiest."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Codes, Floats

__all__ = ["shrunken"]

_ROUNDS = 100
_FITTED = 1_000
_NOTHING = 10.0
"""As in Stephens (2017): so many more observations say that there is nothing."""


def shrunken(gaps: Floats, errors: Floats, wanted: Codes | None = None) -> Floats:
    """What each gap is expected to be, given all of them (empirical Bayes), shape (m,).

    The true gaps are taken to come from a mixture of normal distributions around 0 whose widths are fixed and whose
    shares are fitted by EM; one of the widths is 0 (Stephens 2017, "False discovery rates: a new deal", section 3).
    Such an expectation needs no further correction for having been chosen as the greatest (Efron 2011, "Tweedie's
    formula and selection bias", section 1).

    Args:
        gaps: As measured, shape (m,).
        errors: Their standard errors, above 0, shape (m,).
        wanted: Of which the expectation is asked; of all if not given. Of the others 1,000 at most are looked at, each
            for as many as there are.
    """
    asked = slice(None) if wanted is None else wanted
    own, own_errors = gaps[asked], errors[asked]
    stands_for = np.ones(len(gaps))
    if wanted is not None and len(gaps) - len(wanted) > _FITTED:
        others = np.delete(np.arange(len(gaps)), wanted)
        some = np.append(others[np.linspace(0, len(others) - 1, _FITTED).astype(int)], wanted)
        gaps, errors, stands_for = gaps[some], errors[some], stands_for[some]
        stands_for[:_FITTED] = len(others) / _FITTED
    most = float(np.sqrt(max(np.max(gaps**2 - errors**2), 0.0))) * 2
    least = float(errors.min()) / 10
    if most <= least:
        return np.zeros(len(own))
    widths = np.array([0.0, *np.geomspace(least, most, max(2, int(2 * np.log2(most / least))))])
    fits, _ = _fits(gaps, errors, widths)
    counts = np.zeros(len(widths))
    counts[0] = _NOTHING - 1
    shares = np.full(len(widths), 1 / len(widths))
    for _ in range(_ROUNDS):
        weights = fits * shares
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
        new = stands_for @ weights + counts
        new /= new.sum()
        done = np.abs(new - shares).max() < 1e-6
        shares = new
        if done:
            break
    fits, spreads = _fits(own, own_errors, widths)
    weights = fits * shares
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    expected: Floats = (weights * (own[:, None] * widths**2 / spreads**2)).sum(axis=1)
    return expected


def _fits(gaps: Floats, errors: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """How likely each gap is under each width, and how far such gaps spread, both of shape (m, widths)."""
    spreads = np.sqrt(widths**2 + errors[:, None] ** 2)
    return np.exp(-0.5 * (gaps[:, None] / spreads) ** 2) / spreads, spreads
