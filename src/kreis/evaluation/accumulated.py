"""How a model's score moves with one feature, where the others are as they are: accumulated local effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.evaluation.distributions import student_t_quantile
from kreis.models.scoring import Matrix

__all__ = ["AccumulatedEffects", "bins_of", "effects", "ends_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class AccumulatedEffects:
    """At each of k + 1 edges how far the score lies from its mean, with a band."""

    edges: Floats
    effect: Floats
    low: Floats
    high: Floats
    rows: Codes
    """In the bin that ends at each edge, 0 at the first; of categories at each."""


def bins_of(values: Floats, most: int) -> Floats:
    """The edges of at most so many bins that hold about equally many of the values, ascending; NaN are left out."""
    present = values[np.isfinite(values)]
    if not len(present):
        return np.empty(0)
    return np.unique(np.quantile(present, np.linspace(0, 1, most + 1), method="inverted_cdf"))


def ends_of(matrix: Matrix, place: int, edges: Floats) -> tuple[Matrix, Matrix, Codes]:
    """Rows with a feature moved to the lower and to the upper edge of the bin that it lies in.

    Returns:
        Both, and the bin of each row from 0 on, -1 where the value is missing: these stay as they are.
    """
    values = matrix[:, place].astype(np.float64)
    present = np.isfinite(values)
    bins = np.where(present, np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2), -1)
    lower, upper = matrix.copy(), matrix.copy()
    lower[present, place], upper[present, place] = edges[bins[present]], edges[bins[present] + 1]
    return lower, upper, bins.astype(np.int64)


def effects(
    moved: Floats, bins: Codes, edges: Floats, blocks: Codes, *, level: float = 0.95, at: Codes | None = None
) -> AccumulatedEffects:
    """Accumulate what the score moves by from edge to edge (Apley and Zhu 2020, equations 15 and 16).

    The band at each edge is that of a sum of bins' means, rows of one block (a day) taken together.

    Args:
        moved: How much higher the score of each row is at the upper edge of its bin than at the lower one, shape (n,).
        bins: The bin of each row; -1 for none.
        edges: Of the bins, shape (k + 1,).
        blocks: Which rows belong together, shape (n,).
        level: How often the band at an edge is to hold the truth.
        at: How many rows lie at each edge, where they lie nowhere else: of categories.
    """
    kept = bins >= 0
    moved, bins, blocks = moved[kept], bins[kept], np.unique(blocks[kept], return_inverse=True)[1]
    count = len(edges) - 1
    sizes = np.bincount(bins, minlength=count)
    means = np.bincount(bins, weights=moved, minlength=count) / np.maximum(sizes, 1)
    # What each bin's mean adds to the effect at each edge: all below it, less the mean over the rows.
    below = np.tril(np.ones((count + 1, count)), -1)
    middle = (below[:-1] + below[1:]) / 2
    adds = below - ((sizes / max(sizes.sum(), 1)) @ middle if at is None else (at / max(at.sum(), 1)) @ below)
    apart = (moved - means[bins]) / sizes[bins]
    by_block = np.zeros((int(blocks.max(initial=-1)) + 1, count))
    np.add.at(by_block, (blocks, bins), apart)
    days = max(len(by_block), 2)
    error = np.sqrt(((by_block @ adds.T) ** 2).sum(axis=0) * days / (days - 1))
    effect, reach = adds @ means, student_t_quantile(0.5 + level / 2, days - 1) * error
    rows = np.concatenate([[0], sizes]).astype(np.int64) if at is None else at
    return AccumulatedEffects(edges=edges, effect=effect, low=effect - reach, high=effect + reach, rows=rows)
