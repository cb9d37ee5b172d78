"""Of slices that share rows, those that stand for something of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.slicing.sums import Loss, Sums

__all__ = ["apart"]

_SHARED = 0.5
_FEW_OUTSIDE, _SOME_SHARED, _AS_CLEAR = 0.1, 0.2, 0.95
_WORSE_WITHIN, _WORSE_WITHIN_ALL = 3.5, 2.8
"""Standard errors: by so many the worst part of a slice may be worse than its other part by chance; in all rows by
fewer, since it is not the worst part of those."""


def apart(
    masks: Sequence[Booleans], conditions: Codes, bars: Floats, loss: Loss, before: Loss | None, most: int
) -> list[int]:
    """In turn the clearest of those that are still below their bars. Of two that are about as clear and share most
    rows, the simpler one; none that shares most rows with one before it.

    Args:
        masks: Which rows each of m slices has, each of shape (n + v,).
        conditions: How many each has, shape (m,).
        bars: Chances below which that of each must be, shape (m,).
        loss: What the n rows lost that are tested.
        before: What the v other rows lost, which stand after those that are tested: they help to say whether a part of
            a slice is worse than its other rows.
        most: How many are chosen.
    """
    from scipy.special import ndtr

    tested = len(loss.values)
    chosen, open_ = list[int](), list(range(len(masks)))
    while open_ and len(chosen) < most:
        seen = {place: _evidence(loss, masks[place][:tested]) for place in open_}
        clear = {place: evidence for place, evidence in seen.items() if ndtr(-evidence) <= bars[place]}
        if not clear:
            break
        best = max(clear, key=lambda place: clear[place])
        simpler = [
            place
            for place in clear
            if conditions[place] < conditions[best]
            and (clear[place] > _AS_CLEAR * clear[best] or _stands_for(masks[place], masks[best], loss, before))
            and _overlap(masks[place], masks[best]) > _SOME_SHARED
        ]
        best = max(simpler, key=lambda place: clear[place], default=best)
        chosen.append(best)
        loss = _without(loss, masks[best][:tested])
        before = before and _without(before, masks[best][tested:])
        open_ = [place for place in open_ if _overlap(masks[place], masks[best]) < _SHARED]
    return chosen


def _without(loss: Loss, inside: Booleans) -> Loss:
    """What is left where some rows stand at their own mean, and so do the others."""
    values = loss.values.copy()
    for part in (inside, ~inside):
        values[part] -= values[part].mean() if part.any() else 0.0
    return Loss(values, loss.blocks)


def _stands_for(wide: Booleans, narrow: Booleans, loss: Loss, before: Loss | None) -> bool:
    """Whether a slice holds nearly all rows of another, which is not shown to be worse than its other rows: neither in
    the rows that are tested nor in all together.
    """
    tested = len(loss.values)
    if (narrow[:tested] & ~wide[:tested]).sum() > _FEW_OUTSIDE * narrow[:tested].sum():
        return False
    if _within(wide[:tested], narrow[:tested], loss.values) >= _WORSE_WITHIN:
        return False
    if before is None:
        return True
    parts = (loss.values, wide[:tested]), (before.values, wide[tested:])
    level = np.concatenate([values - values[part].mean() if part.any() else values for values, part in parts])
    return _within(wide, narrow, level) < _WORSE_WITHIN_ALL


def _within(wide: Booleans, narrow: Booleans, values: Floats) -> float:
    """How many standard errors a part of a slice is worse than its other rows."""
    inside, rest = values[narrow], values[wide & ~narrow]
    if not len(rest):
        return 0.0
    error = float(np.sqrt(inside.var() / len(inside) + rest.var() / len(rest)))
    return float(inside.mean() - rest.mean()) / error if error > 0 else np.inf


def _evidence(loss: Loss, inside: Booleans) -> float:
    """How clearly some rows are worse than all others."""
    sums = Sums.of(loss, inside.view(np.int8), 2)
    with np.errstate(all="ignore"):
        judged = sums.where(np.array([1])).judged(sums.totals)
    return float(judged.evidence[0]) if judged.errors[0] > 0 else 0.0


def _overlap(first: Booleans, second: Booleans) -> float:
    """Rows in both over rows in any (Jaccard)."""
    return float((first & second).sum()) / max(float((first | second).sum()), 1.0)
