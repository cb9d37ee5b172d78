"""What each feature is worth to a candidate: what is lost, in the goal's unit, when its values are shuffled."""

from __future__ import annotations

import msgspec
import numpy as np

from kreis.arrays import Codes
from kreis.models.scoring import Scorer
from kreis.tasks.decisions import Decision
from kreis.tasks.goal_metric import GoalMetric
from kreis.training.data import Indices, TrainingData

__all__ = ["Importance", "permutation_importance"]

_ROWS = 1_000
"""Rows that are shuffled; more would cost more time than training takes."""


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's."""

    feature: str
    loss: float
    """Money per `metric.per` decisions that is lost when its values are shuffled; below 0 where chance gained."""
    error: float
    """Standard error of `loss`, over the rows."""
    gain: float | None = None
    """Its share of the gain of all splits, for trees."""


def permutation_importance(
    scorer: Scorer,
    rows: TrainingData,
    *,
    decision: Decision,
    metric: GoalMetric,
    seed: int,
    gain: dict[str, float] | None = None,
) -> list[Importance]:
    """Shuffle one feature after the other among some rows and compare the decisions (Breiman 2001, section 10).

    Args:
        scorer: The fitted candidate's, before any refit on these rows.
        rows: Rows that it has not learned from; at most 1,000 are drawn.
        decision: How it decides.
        metric: What a decision is worth.
        seed: Of the draw and the shuffles.
        gain: Each feature's share of the splits' gain.
    """
    rng = np.random.default_rng(seed)
    rows = rows.take(np.flatnonzero(~np.isnan(rows.outcomes)))
    drawn = rows.take(_drawn(rows, decision, rng))
    count, width = drawn.matrix.shape
    if not width or not count:
        return []  # a constant rule, or no outcome that is known
    matrices = np.repeat(drawn.matrix[np.newaxis], width + 1, axis=0)  # the last one stays as it is
    for place in range(width):
        matrices[place, :, place] = rng.permutation(drawn.matrix[:, place])
    texts = None
    if drawn.texts is not None:
        said = np.repeat(drawn.texts[np.newaxis], width + 1, axis=0)
        for place, feature in enumerate(drawn.text_fields):
            said[drawn.features.index(feature), :, place] = rng.permutation(drawn.texts[:, place])
        texts = said.reshape(-1, said.shape[2])
    groups = None if drawn.groups is None else _apart(drawn.groups, width + 1)
    decided = decision.among(groups).many(scorer.score(matrices.reshape(-1, width), texts))
    values = metric.values(np.tile(drawn.outcomes, width + 1), decided).reshape(width + 1, count)
    lost = (values[-1] - values[:-1]) * metric.per
    return [
        Importance(
            feature=feature,
            loss=float(lost[place].mean()),
            error=float(lost[place].std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan"),
            gain=None if gain is None else gain[feature],
        )
        for place, feature in enumerate(rows.features)
    ]


def _drawn(rows: TrainingData, decision: Decision, rng: np.random.Generator) -> Indices:
    """Some rows by lot; whole groups, where rows are decided among each other."""
    if decision.within is None or rows.groups is None:
        return np.sort(rng.permutation(len(rows))[:_ROWS])
    codes = np.unique(rows.groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    order = rng.permutation(len(sizes))
    taken = np.zeros(len(sizes), dtype=bool)
    taken[order[np.cumsum(sizes[order]) <= max(_ROWS, int(sizes.max()))]] = True
    return np.flatnonzero(taken[codes])


def _apart(groups: Codes, times: int) -> Codes:
    """The groups of the same rows so many times, no two times in one group."""
    codes = np.unique(groups, return_inverse=True)[1]
    found: Codes = (codes + np.arange(times)[:, np.newaxis] * (int(codes.max(initial=0)) + 1)).ravel()
    return found
