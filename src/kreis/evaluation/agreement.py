"""How far people agree beyond chance, and what a judge is worth that is a model."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.evaluation.distributions import share_interval, student_t_quantile
from kreis.evaluation.intervals import Estimate

__all__ = ["Scale", "agreement", "share_by_judge"]

Scale: TypeAlias = Literal["nominal", "ordinal", "interval"]
_DRAWS = 2_000
_FEW = 5
"""Of fewer, a normal approximation says nothing."""


def agreement(ratings: npt.ArrayLike, *, scale: Scale = "nominal", level: float = 0.95) -> Estimate:
    """Krippendorff's alpha: 1 where all agree, 0 where they agree as by chance, below 0 where less.

    Of the disagreements observed within items and those expected if labels came in any order (Krippendorff 2011,
    Computing Krippendorff's alpha-reliability). The interval is a percentile bootstrap over items, of fixed seed.

    Args:
        ratings: Labels as numbers, shape (reviewers, items), NaN where a reviewer said nothing.
        scale: Whether labels are names, ranks, or numbers whose distances count.
        level: Of the interval.

    Raises:
        ProjectError: no item has two labels.

    Example:

    >>> two = [[1, 2, 3, 3, 2, 1], [1, 2, 3, 3, 2, 2]]
    >>> f"{agreement(two).value:.3f}"
    '0.766'
    """
    given = np.asarray(ratings, dtype=np.float64)
    given = given[:, (~np.isnan(given)).sum(axis=0) >= 2]
    if not given.shape[1]:
        hint = "let a second person label the items"
        raise ProjectError("no item was labelled by two people", where="agreement", hint=hint)
    values = np.unique(given[~np.isnan(given)])
    counts = (given[:, :, None] == values).sum(axis=0).astype(np.float64)
    apart = _apart(values, counts.sum(axis=0), scale)
    found = _alpha(counts, apart)
    low, high, warning = -1.0, 1.0, None
    if math.isnan(found):
        warning = "all labels are one: nothing tells agreement from habit"
    elif found == 1.0:  # no two labels differ: as many items may differ as could have stayed unseen
        unseen = share_interval(0, len(counts), 1 - level)[1]
        low = 1 - unseen / _expected(counts, apart) * float(apart.max())
    elif len(counts) > 1:
        generator = np.random.default_rng(0)
        drawn = [_alpha(counts[generator.integers(len(counts), size=len(counts))], apart) for _ in range(_DRAWS)]
        low, high = (float(each) for each in np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return Estimate(
        value=found, low=low, high=high, level=level, n=int((~np.isnan(given)).sum()), blocks=len(counts),
        method="Krippendorff's alpha, bootstrap over items", warning=warning,
    )  # fmt: skip


def _expected(counts: Floats, apart: Floats) -> float:
    """The disagreement of labels in any order."""
    total, per_label = counts.sum(), counts.sum(axis=0)
    return float(per_label @ apart @ per_label / (total * (total - 1)))


def _alpha(counts: Floats, apart: Floats) -> float:
    """Of how often each label was given to each item, shape (items, labels); NaN where all labels are one."""
    said = counts.sum(axis=1)
    pairs = np.einsum("ij,jk,ik->i", counts, apart, counts)
    observed, expected = float((pairs / (said - 1)).sum() / said.sum()), _expected(counts, apart)
    return 1 - observed / expected if expected > 0 else math.nan


def _apart(values: Floats, totals: Floats, scale: Scale) -> Floats:
    """How far two labels are apart, shape (labels, labels)."""
    if scale == "nominal":
        return 1.0 - np.eye(len(values))
    if scale == "interval":
        squared: Floats = (values[:, None] - values[None, :]) ** 2
        return squared
    below = np.cumsum(totals) - totals / 2  # the middle of each rank
    ranked: Floats = (below[:, None] - below[None, :]) ** 2
    return ranked


def share_by_judge(
    people: npt.ArrayLike, judge: npt.ArrayLike, judge_alone: npt.ArrayLike, *, level: float = 0.95
) -> Estimate:
    """The mean of what people would say of all items, where a model judged all and people some.

    Prediction-powered inference (Angelopoulos et al. 2023): the judge's mean over all items, corrected by how far it is
    off where people said too; weighed by how much the judge helps (Angelopoulos, Duchi and Zrnic 2023, PPI++), so that
    a judge who is no use leaves what people said alone. Valid however wrong the judge is, if the items that people saw
    were drawn by chance; normal approximation. Where people gave one of the labels, or differed from the judge, fewer
    than five times, nothing is made of the judge: the share is that of the people alone (Clopper and Pearson 1934).

    Args:
        people: Whether people gave some items the label, 0 or 1, shape (n,).
        judge: Whether the model gave it to the same, shape (n,).
        judge_alone: Whether it gave it to the others, shape (m,).
        level: Of the interval.

    Raises:
        ProjectError: the two that belong together differ in length, or people labelled fewer than two items.
    """
    said, same, alone = (np.asarray(each, dtype=np.float64) for each in (people, judge, judge_alone))
    if len(said) != len(same) or len(said) < 2:
        problem = f"people labelled {len(said)} items, the judge {len(same)} of the same"
        raise ProjectError(problem, where="share_by_judge", hint="at least 2, each by both")
    n, m, yes = len(said), len(alone), int(said.sum())
    if min(yes, n - yes, int((said != same).sum())) < _FEW:
        low, high = share_interval(yes, n, 1 - level)
        return Estimate(
            value=yes / n, low=low, high=high, level=level, n=n, blocks=n, method="by people alone: binomial"
        )
    both = np.concatenate([same, alone])
    spread = float(both.var(ddof=1))
    together = float(np.cov(said, same, ddof=1)[0, 1])
    weight = min(max(together / ((1 + n / m) * spread), 0.0), 1.0) if m and spread > 0 else 0.0
    rest = said - weight * same
    value = float(weight * alone.mean() + rest.mean()) if m else float(said.mean())
    error = math.sqrt((weight**2 * float(alone.var(ddof=1)) / m if m > 1 else 0.0) + float(rest.var(ddof=1)) / n)
    wide = student_t_quantile(0.5 + level / 2, n - 1) * error
    return Estimate(
        value=value, low=value - wide, high=value + wide, level=level, n=n + m, blocks=n,
        method=f"prediction-powered, the judge weighs {weight:.2f}",
    )  # fmt: skip
