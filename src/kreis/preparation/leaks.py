"""Features that are the answer: refused where the declaration shows it, named where the data do.

One convention holds everywhere, in the join as in the online store: a row is seen at a moment t when
`known_at <= t`. So a row that is known at its own moment sees itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.errors import ProjectError
from kreis.expressions.tree import columns
from kreis.preparation.tables import Spine
from kreis.preparation.views import FeatureView, RequestView

__all__ = ["PERFECT", "check_own_outcome", "strong_features"]

PERFECT: Final = 0.999
"""An area under the ROC curve from which on one feature alone is taken for the answer."""
STRONG: Final = 0.97
"""From here on it is named: a copy of the answer with a few errors is as strong, and few honest features are."""
FEWEST: Final = 30
"""Rows of each outcome; with fewer, a feature may part them by chance."""
_SAMPLE: Final = 4_000

Booleans = npt.NDArray[np.bool_]


def check_own_outcome(view: FeatureView | RequestView, spine: Spine, *, where: str) -> None:
    """Refuse a view that is declared to read the outcome of the row that it predicts.

    Raises:
        ProjectError: a request's field is the outcome; or a feature view reads it of the row itself, or from the
            spine's table before it is known.
    """
    if isinstance(view, RequestView):
        own = [spine.outcome, *([] if spine.outcome_known_at == spine.time else [spine.outcome_known_at])]
        for name in own:
            if name in view.fields:
                raise ProjectError(
                    f"the field {name!r} is what is to be predicted",
                    where=where,
                    hint="no request can bring it: leave it out",
                )
        return
    reads = frozenset().union(*map(columns, view.features.values()))
    if spine.outcome not in reads:
        return
    if view.entity == spine.id:
        raise ProjectError(
            f"its entity {view.entity!r} is the row itself, and it reads the row's own {spine.outcome!r}",
            where=where,
            hint="take an entity with a past (a customer, a machine), or another column",
        )
    if view.table != spine.table.name:
        return
    if view.known_at != spine.outcome_known_at:
        raise ProjectError(
            f"it reads {spine.outcome!r} as known at {view.known_at!r}, but it is known at {spine.outcome_known_at!r}",
            where=where,
            hint=f"write known_at={spine.outcome_known_at!r}",
        )
    if spine.outcome_known_at == spine.time:
        raise ProjectError(
            f"each row's {spine.outcome!r} is known at its own {spine.time!r}, so it sees itself",
            where=where,
            hint="name the column with the moment from which an outcome is known",
        )


def strong_features(features: pl.DataFrame, outcomes: pl.Series) -> dict[str, float]:
    """Features that nearly part yes from no by themselves, with their area under the curve (0.5 or more).

    Args:
        features: Numbers, NaN where missing.
        outcomes: 1.0, 0.0 or null, aligned.

    Returns:
        Those of at least 0.97, over the rows that have a value or by which rows have one; where both outcomes
        have enough rows.
    """
    known = outcomes.is_not_null().to_numpy()
    yes = outcomes.to_numpy()[known] > 0.5
    if min(yes.sum(), (~yes).sum()) < FEWEST:
        return {}
    some = np.concatenate([_spread(np.flatnonzero(yes)), _spread(np.flatnonzero(~yes))])
    found = {}
    for name in features.columns:
        values = features[name].to_numpy()[known]
        if _best_area(values[some], yes[some], fewest=1) < STRONG - 0.01:  # so that few features are sorted whole
            continue
        area = _best_area(values, yes, fewest=FEWEST)
        if area >= STRONG:
            found[name] = area
    return found


def _spread(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most about `_SAMPLE` of some rows, evenly."""
    return rows[:: max(1, len(rows) // _SAMPLE)]


def _best_area(values: npt.NDArray[np.float64], yes: Booleans, *, fewest: int) -> float:
    """The larger of the areas by the value, where there is one, and by whether there is one."""
    missing = np.isnan(values)
    return max(
        _area(values[~missing], yes[~missing], fewest),
        _area(missing.astype(np.float64), yes, fewest) if missing.any() else 0.5,
    )


def _area(values: npt.NDArray[np.float64], yes: Booleans, fewest: int) -> float:
    """The area under the ROC curve, or its complement, whichever is larger; 0.5 where an outcome has too few rows."""
    n = int(yes.sum())
    m = len(yes) - n
    if min(n, m) < fewest:
        return 0.5
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2
    area = float((rank[place][yes].sum() - n * (n + 1) / 2) / (n * m))
    return max(area, 1 - area)
