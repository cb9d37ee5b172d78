"""What is added to quantiles so that each is enough in its share of cases: fitted on the validation rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.decisions import Scores
from kreis.tasks.metrics.counts import FEW

__all__ = ["choose_offsets"]


def choose_offsets(scores: Scores, outcomes: Floats, levels: Sequence[float]) -> tuple[float, ...] | None:
    """An offset for each quantile, from scores of rows that a model was not fitted on; None where none helps.

    Boosters learn outer quantiles too narrow. The offset of each is the quantile of what outcomes lie above it by
    (Romano, Patterson and Candes 2019, "Conformalized quantile regression", for each side by itself). It stands where
    the gain in pinball loss, row by row, exceeds one standard error (Breiman et al. 1984, section 3.4.3).

    Args:
        scores: Quantiles, shape (n, k).
        outcomes: What happened, shape (n,).
        levels: Of the columns.
    """
    if len(outcomes) < FEW:
        return None
    found = [_offset(outcomes - scores[:, place], level) for place, level in enumerate(levels)]
    return tuple(found) if any(found) else None


def _offset(above: Floats, level: float) -> float:
    offset = float(np.quantile(above, level, method="inverted_cdf"))
    gains = _cost(above, level) - _cost(above - offset, level)
    return offset if gains.mean() > gains.std() / np.sqrt(len(gains)) else 0.0


def _cost(above: Floats, level: float) -> Floats:
    cost: Floats = np.maximum(level * above, (level - 1) * above)
    return cost
