"""Features that are the answer: refused where the declaration shows it, named where the data do.

One convention holds everywhere, in the join as in the online store: a row is seen at a moment t when
`known_at <= t`. So a row that is known at its own moment sees itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.expressions.tree import columns
from kreis.preparation.tables import Spine
from kreis.preparation.views import FeatureView, RequestView
from kreis.tasks.task import Task

__all__ = ["PERFECT", "STRONG", "check_own_outcome", "strengths", "strong_features"]

PERFECT: Final = 0.999
"""The strength (`Task.strength`) from which on one feature alone is taken for the answer."""
STRONG: Final = 0.97
"""From here on it is named: a copy of the answer with a few errors is as strong, and few honest features are."""
FEWEST: Final = 30
"""Rows of each kind of outcome; with fewer, a feature may part them by chance."""
_SAMPLE: Final = 4_000


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


def strong_features(
    features: pl.DataFrame, outcomes: pl.Series, task: Task, *, categories: Collection[str] = ()
) -> dict[str, float]:
    """Features that nearly tell the outcome by themselves, with their strength (0.5 or more, see `Task.strength`).

    Args:
        features: Numbers, NaN where missing.
        outcomes: As numbers or null, aligned.
        task: Says how strong a feature is.
        categories: Those that are categories: as strong as the mean outcome of each, where it has 30 rows.

    Returns:
        Those of at least 0.97, over the rows that have a value or by which rows have one; where both kinds of outcomes
        have enough rows.
    """
    known = outcomes.is_not_null().to_numpy()
    happened = outcomes.to_numpy()[known]
    halves = [mask for _, mask in task.halves(happened)]
    if min(mask.sum() for mask in halves) < FEWEST:
        return {}
    some = np.concatenate([_spread(np.flatnonzero(mask)) for mask in halves])
    found = {}
    for name in features.columns:
        values = features[name].to_numpy()[known]
        values = _means(values, happened) if name in categories else values
        if _strength(values[some], happened[some], task, fewest=1) < STRONG - 0.01:  # few features are sorted whole
            continue
        strength = _strength(values, happened, task, fewest=FEWEST)
        if strength >= STRONG:
            found[name] = strength
    return found


def strengths(
    columns: Mapping[str, Floats], outcomes: Floats, task: Task, *, categories: Collection[str] = ()
) -> dict[str, float]:
    """How well each column alone tells the outcome, on an even sample of the rows.

    Args:
        columns: Numbers, NaN where missing.
        outcomes: NaN where not known.
        task: Says how strong a column is.
        categories: Those that are categories: as strong as the mean outcome of each, where it has 30 rows.
    """
    known = ~np.isnan(outcomes)
    happened = outcomes[known]
    some = np.concatenate([_spread(np.flatnonzero(mask)) for _, mask in task.halves(happened)])
    found = {}
    for name, given in columns.items():
        values = _means(given[known], happened) if name in categories else given[known]
        found[name] = _strength(values[some], happened[some], task, fewest=FEWEST)
    return found


def _means(numbers: Floats, outcomes: Floats) -> Floats:
    """The mean outcome of each row's category; NaN of one with few rows, whose mean is their own outcomes."""
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    means = np.where(counts >= FEWEST, np.bincount(place, weights=outcomes) / counts, np.nan)
    found: Floats = np.where(np.isnan(numbers), np.nan, means[place])
    return found


def _spread(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most about `_SAMPLE` of some rows, evenly."""
    return rows[:: max(1, len(rows) // _SAMPLE)]


def _strength(values: Floats, outcomes: Floats, task: Task, *, fewest: int) -> float:
    """The larger of the strengths of the value, where there is one, and of whether there is one; 0.5 where a kind of
    outcome has too few rows.
    """
    missing = np.isnan(values)
    pairs = [(values[~missing], outcomes[~missing])]
    if missing.any():
        pairs.append((missing.astype(np.float64), outcomes))
    return max(
        task.strength(given, happened) if min(mask.sum() for _, mask in task.halves(happened)) >= fewest else 0.5
        for given, happened in pairs
    )
