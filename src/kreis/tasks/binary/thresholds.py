"""The score from which on to decide positively."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.task import FittedDecision

__all__ = ["best_cut", "choose_threshold", "plain_cut"]


def plain_cut(metric: DecisionValue) -> Cut:
    """The metric's break-even, within [0, 1]."""
    return Cut(min(max(metric.break_even, 0.0), 1.0))


def best_cut(
    scores: npt.ArrayLike, outcomes: npt.ArrayLike, metric: DecisionValue, *, near: float = 0.5
) -> tuple[float, float]:
    """The cut with the greatest total value, exactly, by one sort: O(n log n).

    Equal scores are never parted. A cut lies midway between two neighbouring scores, so that a difference in the last
    digit between one row and a batch turns no decision. Among cuts of equal value, the one nearest to `near` is taken.

    Args:
        scores: shape (n,), n >= 1.
        outcomes: what happened, shape (n,).
        metric: what a decision is worth.
        near: where to look among equals, usually the metric's break-even.

    Returns:
        The cut, and the mean value of a decision with it.
    """
    given = np.asarray(scores, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    ranked = given[order]
    happened = np.asarray(outcomes)[order]
    positive = metric.values(happened, np.ones(len(ranked), dtype=bool))
    negative = metric.values(happened, np.zeros(len(ranked), dtype=bool))
    # Cut k decides negatively for the k lowest scores.
    totals = np.concatenate([[0.0], np.cumsum(negative)]) + np.concatenate([np.cumsum(positive[::-1])[::-1], [0.0]])
    places = np.flatnonzero(np.concatenate([[True], ranked[1:] > ranked[:-1], [True]]))
    best = totals[places].max()
    slack = 1e-9 * max(1.0, float(np.abs(totals).max()))
    places = places[totals[places] >= best - slack]
    below = np.concatenate([[-np.inf], ranked])[places]
    above = np.concatenate([ranked, [np.inf]])[places]
    cuts = _midway(below, above)
    inside = (below < near) & (near <= above)
    cuts[inside] = near
    return float(cuts[np.argmin(np.abs(cuts - near))]), float(best / len(ranked))


def choose_threshold(scores: npt.ArrayLike, outcomes: npt.ArrayLike, metric: DecisionValue) -> FittedDecision:
    """The threshold for a model, from scores of rows that it was not fitted on.

    For calibrated scores the metric's break-even is the best threshold there is (Elkan 2001, equation 2), and the best
    cut of a finite sample is a noisy guess at it. So the break-even stands unless the best cut's gain over it, row by
    row, exceeds one standard error (the one-standard-error rule, Breiman et al. 1984, section 3.4.3); it also stands
    with fewer than 50 cases of either outcome.

    The time after 16 histories (`benchmarks/search_objective.py`) was worth 16,016 per 1,000 decisions so, 14,627 with
    the break-even, 16,044 with the best cut: where the world drifts, scores are not calibrated; where they are, the
    rule spares the noise (`tests/tasks/test_thresholds.py`).
    """
    given = np.asarray(scores, dtype=np.float64)
    happened = np.asarray(outcomes, dtype=np.float64) > 0.5
    even = metric.break_even
    positive = int(happened.sum())
    if min(positive, len(happened) - positive) < FEW or not 0 < even < 1:
        return FittedDecision(decision=plain_cut(metric), source="plain")
    cut, _ = best_cut(given, happened, metric, near=even)
    gains = metric.values(happened, given >= cut) - metric.values(happened, given >= even)
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    best = Cut(even) if gain <= error else Cut(cut)
    return FittedDecision(decision=best, source="plain" if gain <= error else "validation", gain=gain, error=error)


def _midway(below: Floats, above: Floats) -> Floats:
    """A value in (below, above] for each pair; the outer pairs have an infinite side."""
    middle = np.where(np.isinf(below), above, np.where(np.isinf(above), np.nextafter(below, np.inf), 0.0))
    inner = np.isfinite(below) & np.isfinite(above)
    middle[inner] = below[inner] + (above[inner] - below[inner]) / 2
    middle[inner & (middle <= below)] = above[inner & (middle <= below)]
    return middle
