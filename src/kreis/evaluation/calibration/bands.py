"""The reliability diagram with bands: how often it happened where so much was said, with an interval for each bin."""

from __future__ import annotations

from typing import Any

import numpy as np

from kreis.arrays import Codes
from kreis.evaluation.intervals import share_estimate
from kreis.tasks.metrics.calibration_error import bins_by_score
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["reliability_with_bands"]


def reliability_with_bands(rows: YesNoRows, blocks: Codes, *, level: float = 0.95) -> list[dict[str, Any]]:
    """Per bin of about equally many rows: `rows`, mean `score`, `frequency`, and its interval `low` to `high`.

    Where few of a bin's rows differ from the rest, the band is never narrower than their count allows.

    Args:
        rows: Probabilities and what happened, each row once.
        blocks: The block of each row, shape (n,).
        level: Of the bands.
    """
    found = []
    bins = bins_by_score(rows)
    for code in np.unique(bins):
        inside = bins == code
        share = share_estimate(rows.outcomes[inside], blocks[inside], rows.where(inside), level=level)
        said = float(rows.scores[inside].mean())
        ends = {"low": share.low, "high": share.high}
        found.append({"rows": share.n, "score": said, "frequency": share.value, **ends})
    return found
