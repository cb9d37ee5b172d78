"""Which map makes a model's probabilities truer, chosen on the validation rows, and none unless one is shown to.

Candidates are compared by log loss on rows that they were not fitted on: the validation rows, parted into stretches of
whole blocks, each mapped by what the others say. By these cross-fitted probabilities the decision is chosen too, so
that no row counts for a map and a threshold at once; the map that is packaged is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.models.calibration_map import ENDS, CalibrationMap, LogOdds, Table
from kreis.tasks.decisions import Scores
from kreis.tasks.metrics.calibration_line import logistic
from kreis.tasks.metrics.counts import FEW

__all__ = ["METHODS", "Calibrate", "Recalibrated", "recalibrate"]

Calibrate: TypeAlias = Literal["auto", "none", "platt", "beta", "isotonic", "venn-abers"]
_FOLDS = 5
_DEAR = "venn-abers"
"""It takes ten times as long as the others together, and gains nothing where none of them does."""
_BINS, _FEW_BINS = 200, 50
"""Of equally many rows: scores within one are taken together, so that a map has few points."""


@dataclass(frozen=True, kw_only=True)
class Recalibrated:
    """What came of it."""

    map: CalibrationMap | None
    """None: the probabilities stay as they are."""
    method: str = ""
    scores: Scores
    """Of the validation rows, each mapped by what the others say, shape (n,)."""
    gain: float = 0.0
    """By how much the mean log loss is lower."""
    error: float = 0.0
    """The standard error of the gain, rows of a block taken together."""


def recalibrate(method: Calibrate, scores: Scores, happened: Booleans, blocks: Codes) -> Recalibrated:
    """Choose a map.

    Args:
        method: One of the maps; "auto" for the best of those that are shown to be better than none; "none".
        scores: Probabilities of yes of rows that the model has not seen, shape (n,).
        happened: What happened, shape (n,).
        blocks: Which rows belong together, shape (n,), in the order of time.

    Raises:
        ProjectError: a map is asked for that these rows cannot give.
    """
    same = Recalibrated(map=None, scores=scores)
    positive = int(happened.sum())
    enough = min(positive, len(happened) - positive) >= FEW and len(np.unique(scores)) > 2
    if method == "none" or (method == "auto" and not enough):
        return same
    if method != "auto":
        found = _cross_fitted(method, scores, happened, blocks)
        if found is None:
            hint = 'leave calibrate out, or write calibrate="auto"'
            raise ProjectError("its probabilities cannot be mapped: too few differ", where=method, hint=hint)
        return found
    tried = [_cross_fitted(each, scores, happened, blocks) for each in METHODS if each != _DEAR]
    if any(each is not None and each.gain > 0 for each in tried):
        tried.append(_cross_fitted(_DEAR, scores, happened, blocks))
    sure = NormalDist().inv_cdf(1 - 0.05 / len(METHODS))  # several are tried
    better = [each for each in tried if each is not None and each.gain > sure * each.error]
    return max(better, key=lambda each: each.gain, default=same)


def _cross_fitted(method: str, scores: Scores, happened: Booleans, blocks: Codes) -> Recalibrated | None:
    given, yes = scores.astype(np.float64), happened.astype(np.float64)
    whole = METHODS[method](given, yes)
    if whole is None:
        return None
    _, codes = np.unique(blocks, return_inverse=True)
    count = int(codes.max()) + 1
    folds = codes * _FOLDS // count if count >= _FOLDS else np.arange(len(given)) * _FOLDS // len(given)
    found = given.copy()
    for fold in range(_FOLDS):
        inside = folds == fold
        own = METHODS[method](given[~inside], yes[~inside]) if inside.any() and not inside.all() else whole
        found[inside] = (whole if own is None else own).apply(given[inside])
    gains = _log_loss(given, happened) - _log_loss(found, happened)
    units = codes if count >= _FOLDS else np.arange(len(given))
    sums = np.bincount(units, weights=gains - gains.mean())
    error = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)) / len(gains))
    mapped = found.astype(np.float32)
    return Recalibrated(map=whole, method=method, scores=mapped, gain=float(gains.mean()), error=error)


def _log_loss(said: Floats, happened: Booleans) -> Floats:
    within = said.clip(*ENDS)
    loss: Floats = -np.where(happened, np.log(within), np.log1p(-within))
    return loss


def _platt(scores: Floats, yes: Floats) -> CalibrationMap | None:
    """A line through the log-odds, held to outcomes a little less than sure (Platt 1999, section 2.2)."""
    given, positive = scores.clip(*ENDS), yes.sum()
    held = np.where(yes > 0.5, (positive + 1) / (positive + 2), 1 / (len(yes) - positive + 2))
    design = np.column_stack([np.log(given / (1 - given)), np.ones(len(given))])
    (slope, offset), _ = logistic(design, np.zeros(len(given)), held)
    if not np.isfinite(slope) or slope <= 0:
        return None
    return LogOdds(of_yes=float(slope), of_no=float(slope), offset=float(offset))


def _beta(scores: Floats, yes: Floats) -> CalibrationMap | None:
    """ln p and -ln(1 - p), each by itself; one that would fall is left out (Kull et al. 2017, section 3)."""
    given = scores.clip(*ENDS)
    parts = np.column_stack([np.log(given), -np.log1p(-given)])
    kept = [0, 1]
    while kept:
        design = np.column_stack([parts[:, kept], np.ones(len(given))])
        found, _ = logistic(design, np.zeros(len(given)), yes)
        if not np.isfinite(found).all():
            return None
        if (found[:-1] >= 0).all():
            weights = dict(zip(kept, found[:-1].tolist(), strict=True))
            return LogOdds(of_yes=weights.get(0, 0.0), of_no=weights.get(1, 0.0), offset=float(found[-1]))
        kept = [each for each, weight in zip(kept, found[:-1], strict=True) if weight >= 0]
    return None


def _isotonic(scores: Floats, yes: Floats) -> CalibrationMap | None:
    """Steps that never fall (Zadrozny and Elkan 2002), with lines between them; none is quite 0 or 1."""
    at, share, count = _pooled(scores, yes, _BINS)
    if len(at) < 2:
        return None
    return _table(at, _rising(share, count).clip(0.5 / len(yes), 1 - 0.5 / len(yes)))


def _venn_abers(scores: Floats, yes: Floats) -> CalibrationMap | None:
    """At each score the two isotonic fits with one more row there, a no and a yes, merged into p1 / (1 - p0 + p1)
    (inductive Venn-Abers predictors: Vovk, Petej and Fedorova 2015, equation 6).
    """
    at, share, count = _pooled(scores, yes, _FEW_BINS)
    if len(at) < 2:
        return None
    found = np.empty((2, len(at)))
    for place in range(len(at)):
        more = count.copy()
        more[place] += 1
        for outcome in (0, 1):
            with_it = share.copy()
            with_it[place] = (share[place] * count[place] + outcome) / more[place]
            found[outcome, place] = _rising(with_it, more)[place]
    return _table(at, np.maximum.accumulate(found[1] / (1 - found[0] + found[1])))


METHODS: Mapping[str, Callable[[Floats, Floats], CalibrationMap | None]] = {
    "platt": _platt,
    "beta": _beta,
    "isotonic": _isotonic,
    "venn-abers": _venn_abers,
}
"""From probabilities and what happened (1.0 or 0.0), both of shape (n,), to a map; None where they give none."""


def _pooled(scores: Floats, yes: Floats, bins: int) -> tuple[Floats, Floats, Floats]:
    """Of each bin of like scores the mean score, the share of yes, and the rows."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    codes = np.unique(np.searchsorted(edges, scores, side="left"), return_inverse=True)[1]
    count = np.bincount(codes).astype(np.float64)
    at, share = (np.bincount(codes, weights=each) / count for each in (scores, yes))
    return at, share, count


def _rising(share: Floats, count: Floats) -> Floats:
    from sklearn.isotonic import isotonic_regression

    found: Floats = isotonic_regression(share, sample_weight=count)
    return found


def _table(at: Floats, says: Floats) -> Table:
    """Without the points inside of a flat stretch."""
    flat = np.concatenate([[False], (says[1:-1] == says[:-2]) & (says[1:-1] == says[2:]), [False]])
    return Table(at=tuple(at[~flat].tolist()), says=tuple(says[~flat].tolist()))
