"""Thresholds by group that are worth most while the groups' rates stay near each other."""

from __future__ import annotations

import numpy as np

from kreis.arrays import Booleans, Codes, Floats

__all__ = ["best_thresholds"]

_STEPS = 400
"""So many thresholds are tried in each group, and so many highest rates."""


def best_thresholds(
    scores: Floats, gains: Floats, groups: Codes, counted: Booleans, *, at_least: float, positive: bool = True
) -> Floats:
    """Of each group the score from which on to say yes, shape (k,).

    All pairs of a threshold and a highest rate are tried, up to 400 of each: within every group the best threshold
    whose rate lies between `at_least` times the highest rate and the highest rate itself.

    Args:
        scores: Shape (n,).
        gains: What yes is worth more than no, for each row, shape (n,).
        groups: Codes 0..k-1, shape (n,).
        counted: The rows among which rates are counted, shape (n,).
        at_least: The lowest rate over the highest one, from 0 (no bound) to 1.
        positive: Whether the rate is that of yes; else that of no.
    """
    tried = [_tried(scores[mask], gains[mask], counted[mask], positive=positive) for mask in _masks(groups)]
    highest = np.unique(np.concatenate([rates for _, _, rates in tried]))
    if len(highest) > _STEPS:
        highest = highest[np.linspace(0, len(highest) - 1, _STEPS).astype(np.intp)]
    total, chosen = np.zeros(len(highest)), []
    for cuts, values, rates in tried:
        allowed = (rates <= highest[:, None] + 1e-12) & (rates >= at_least * highest[:, None] - 1e-12)
        worth = np.where(allowed, values, -np.inf)
        best = worth.argmax(axis=1)
        total += worth[np.arange(len(highest)), best]
        chosen.append(cuts[best])
    at: Floats = np.array([each[int(total.argmax())] for each in chosen])
    return at


def _masks(groups: Codes) -> list[Booleans]:
    return [groups == code for code in range(int(groups.max()) + 1)]


def _tried(scores: Floats, gains: Floats, counted: Booleans, *, positive: bool) -> tuple[Floats, Floats, Floats]:
    """Thresholds of one group, and of each the total gain and the rate; the first says yes to nobody."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True)) + 1  # equal scores are never parted
    if len(ends) > _STEPS:
        ends = ends[np.linspace(0, len(ends) - 1, _STEPS).astype(np.intp)]
    said = np.concatenate([[0], ends])
    total = np.concatenate([[0.0], np.cumsum(gains[order])])[said]
    of = max(int(counted.sum()), 1)
    yes = np.concatenate([[0], np.cumsum(counted[order])])[said] / of
    below = np.append(ranked, 0.0)[said]
    above = np.concatenate([[1.0], ranked])[said]
    return (above + below) / 2, total, yes if positive else 1 - yes
