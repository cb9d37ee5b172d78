"""Proof, at the end of each training, that the parts of an answer add up to it."""

from __future__ import annotations

import numpy as np

from kreis.errors import RefusalError
from kreis.models.calibration_map import CalibrationMap
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explainer, linked
from kreis.models.scoring import Matrix, Scorer, Texts

__all__ = ["adds_up"]

CHECKED = 16
"""Training rows, besides one of which all is missing."""
TOLERANCE = 1e-4
"""As far as sums of float32 may be off, of scores beyond 1 relative to the largest; of probabilities near 0 and 1 the
link makes less of it."""


def adds_up(
    additive: Additive, scorer: Scorer, matrix: Matrix, texts: Texts | None, behind: CalibrationMap | None = None
) -> bool:
    """Whether a sum says what the model says.

    Args:
        additive: The sum.
        scorer: The model's.
        matrix: Rows that the model takes.
        texts: What their features say that are read as texts.
        behind: What makes the sum's probability truer.
    """
    chosen = np.linspace(0, len(matrix) - 1, min(len(matrix), CHECKED)).astype(np.intp)
    rows = np.concatenate([matrix[chosen], np.full((1, matrix.shape[1]), np.nan, dtype=np.float32)])
    said = None if texts is None else np.concatenate([texts[chosen], np.full((1, texts.shape[1]), "", dtype=object)])
    try:
        explainer = Explainer(Additive.from_bytes(additive.to_bytes()))  # as a service reads it
    except RefusalError:  # larger than what is read, or deeper
        return False
    found = linked(explainer.explain(rows, said).margin, additive.link)
    found = found if behind is None else behind.apply(found)
    if additive.by_group is not None and additive.group_at is not None:
        found = additive.by_group.moved(found[:, 0], rows[:, additive.group_at])[:, None]
    expected = scorer.score(rows, said).reshape(found.shape).astype(np.float64)
    return bool((np.abs(found - expected) <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0)))).all())
