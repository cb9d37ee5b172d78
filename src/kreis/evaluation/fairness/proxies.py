"""How well the features tell a group that is no feature: by what they bring all the same, a model may know it.

An additive model, quick and the same each time: each feature is cut into bins, a bin says by its weight of evidence how
much more often the group stands in it (Good 1950, section 6.1), and a ridge regression puts the features together (le
Cessie and van Houwelingen 1992). One half of the rows judges what the other half taught. Features that tell the group
only in combination are not seen: the group is told at least so well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.models.scoring import Matrix
from kreis.tasks.metrics.auc import area

__all__ = ["Told", "binned", "told_by"]

_BINS = 24
_PENALTY = 1.0
_STEPS = 6
_CLOSE = 1e-9
"""Newton's steps end where the next one is smaller."""


class Told(NamedTuple):
    """How well a group is told."""

    scores: Floats
    """The probability that a row is in the group, by what the other half taught, shape (n,)."""
    alone: Floats
    """The AUC of each feature alone, shape (f,); 0.5 where it tells nothing."""


def binned(matrix: Matrix) -> list[Codes]:
    """Each feature in bins of about as many rows, or of one value each where there are few; missing is a bin."""
    found = []
    for place in range(matrix.shape[1]):
        values = matrix[:, place].astype(np.float64)
        missing = ~np.isfinite(values)
        given, counts = np.unique(values[~missing], return_counts=True)
        if len(given) > _BINS:
            ends = np.searchsorted(np.cumsum(counts), np.linspace(0, counts.sum(), _BINS + 1)[1:-1])
            given = np.unique(given[ends])
        found.append(np.where(missing, len(given) + 1, np.searchsorted(given, values)).astype(np.int64))
    return found


def told_by(bins: list[Codes], member: Booleans) -> Told:
    """How well some features tell who is in a group.

    Args:
        bins: Of each feature the bin of each row, from `binned`, shape (n,) each.
        member: Who is in it, shape (n,).
    """
    first = np.arange(len(member)) % 2 == 0
    scores, evidence = np.empty(len(member)), np.empty((len(member), len(bins)))
    for taught in (first, ~first):
        weights = np.column_stack([_evidence(each, member, taught) for each in bins])
        evidence[~taught] = weights[~taught]
        scores[~taught] = _fitted(weights, member, taught)
    alone = np.array([area(evidence[:, place], member) for place in range(len(bins))])
    return Told(scores, alone)


def _evidence(bins: Codes, member: Booleans, taught: Booleans) -> Floats:
    """The logarithm of how much more often the group is in each row's bin than the others are; smoothed."""
    count = int(bins.max()) + 1
    yes = np.bincount(bins[taught & member], minlength=count) + 0.5
    no = np.bincount(bins[taught & ~member], minlength=count) + 0.5
    weights: Floats = np.log(yes / yes.sum()) - np.log(no / no.sum())
    return weights[bins]


def _fitted(weights: Floats, member: Booleans, taught: Booleans) -> Floats:
    """Learn on some rows by Newton's method, and say the probability of the others."""
    given = np.column_stack([np.ones(len(weights)), weights])
    rows, happened = given[taught], member[taught].astype(np.float64)
    penalty = np.diag([1e-9, *([_PENALTY] * weights.shape[1])])
    beta = np.zeros(given.shape[1])
    for _ in range(_STEPS):
        likely = _sigmoid(rows @ beta)
        curvature = (rows * (likely * (1 - likely))[:, None]).T @ rows + penalty
        step = np.linalg.solve(curvature, rows.T @ (happened - likely) - penalty @ beta)
        beta = beta + step
        if np.abs(step).max() < _CLOSE:
            break
    return _sigmoid(given[~taught] @ beta)


def _sigmoid(values: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return found
