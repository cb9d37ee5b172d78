"""Prediction sets and intervals from rows that a model has not seen (split conformal prediction: Vovk, Gammerman and
Shafer 2005; Angelopoulos and Bates 2023).

Where the rows to come are exchangeable with these n rows, what happens is covered with a chance of at least `level`,
and less than level + 1 / (n + 1) where no two rows are equally strange. Given the n rows, coverage varies by about
sqrt(level (1 - level) / n). With groups, each group has its own quantile (Mondrian).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.sets import CoverageSet, strangeness
from kreis.tasks.decisions import Cheapest, Cut, Decision, Identity, Level, Scores, Shift
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.outcomes import Number
from kreis.tasks.task import Task

__all__ = ["Covering", "Kind", "Method", "conformal_quantile", "fit_coverage", "kind_of", "rows_needed"]

Kind: TypeAlias = Literal["yes or no", "classes", "number", "quantiles"]
Method: TypeAlias = Literal["lac", "aps"]
Covering: TypeAlias = CoverageInterval | CoverageSet
_MOST_GROUPS = 1_000
"""The largest groups have quantiles of their own; memory stays bounded."""
_MOST_ADAPTING = 100
"""The same, where each of them has many."""
_LEVELS = tuple(
    round(float(each), 4)
    for start, stop, step in ((0.05, 0.8, 0.025), (0.8, 0.95, 0.005), (0.95, 0.99, 0.001), (0.99, 0.9995, 0.0005))
    for each in np.arange(start, stop - step / 2, step)
)
"""From 0.05 to 0.999: at these a level that adapts has quantiles."""
_PARTS = 10
"""Ranges of the score, of equally many rows, in which the errors' spread is told apart."""
_LEAST_FOR_SPREAD = 20 * _PARTS
"""With fewer rows, or too few for the quantile of a high level, the spread is taken to be the same everywhere."""


def kind_of(task: Task, decision: Decision) -> Kind | None:
    """What a model's raw outputs say of what happens; None where no set or interval can be made of them."""
    if not task.needs_outcomes:
        return None
    if isinstance(decision, Cut):
        return "yes or no"
    if isinstance(decision, Cheapest):
        return "classes"
    if isinstance(decision, Level):
        return "quantiles" if len(decision.levels) > 1 else "number"
    return "number" if isinstance(decision, Identity | Shift) else None


def rows_needed(level: float) -> int:
    """So many rows at least have a quantile that is one of their own."""
    return math.ceil(level / (1 - level) - 1e-9)


def conformal_quantile(values: Floats, level: float) -> float:
    """The smallest value that a further one is at most, with a chance of `level`; infinite of too few values.

    >>> import numpy as np
    >>> conformal_quantile(np.arange(1.0, 10.0), 0.9), conformal_quantile(np.arange(1.0, 9.0), 0.9)
    (9.0, inf)
    """
    place = math.ceil((len(values) + 1) * level - 1e-9)
    return math.inf if place > len(values) else float(np.partition(values, place - 1)[place - 1])


def fit_coverage(
    task: Task,
    decision: Decision,
    scores: Scores,
    outcomes: Floats,
    *,
    level: float,
    by: str | None = None,
    groups: Sequence[str] | None = None,
    method: Method = "lac",
    adapts: bool = False,
) -> Covering:
    """What covers what happens in `level` of all cases.

    Args:
        task: What is asked.
        decision: By which the model decides; says what its scores are (`kind_of` is not None).
        scores: Raw outputs for n rows that the model has not seen, shape (n,) or (n, k); n >= `rows_needed(level)`.
        outcomes: What happened, shape (n,), all known.
        level: The share of cases.
        by: The key or field that names a row's group.
        groups: The group of each row, where there are any.
        method: By which classes are told strange: "lac" has the smallest sets, "aps" larger ones where rows are hard.
        adapts: Whether quantiles at other levels are kept.
    """
    quantile_of = partial(_grouped, level=level, by=by, adapts=adapts)
    kind = kind_of(task, decision)
    if kind in ("yes or no", "classes"):
        happened = task.labels(outcomes).astype(np.intp)
        found = strangeness(scores, cumulative=method == "aps")[np.arange(len(scores)), happened]
        return CoverageSet(
            level=level,
            classes=list(decision.names),
            cumulative=method == "aps" and kind == "classes",
            quantile=quantile_of(found, groups),
            rows=len(found),
        )
    bounds = task.outcome if isinstance(task.outcome, Number) else Number()
    ends: dict[str, Any] = {"at_least": bounds.at_least, "at_most": bounds.at_most}
    if kind == "quantiles":
        beyond = np.maximum(scores[:, 0] - outcomes, outcomes - scores[:, -1]).astype(np.float64)
        quantile = quantile_of(beyond, groups)
        return CoverageInterval(level=level, quantile=quantile, rows=len(beyond), several=True, **ends)
    given = (scores if scores.ndim == 1 else scores[:, 0]).astype(np.float64)
    errors = np.abs(outcomes - given)
    edges, spreads, counted = _spread(given, errors, rows_needed(level))
    units = errors[counted] / np.array(spreads)[np.searchsorted(edges, given[counted], side="left")]
    kept = None if groups is None else [groups[place] for place in np.flatnonzero(counted).tolist()]
    quantile = quantile_of(units, kept)
    return CoverageInterval(level=level, quantile=quantile, rows=len(units), edges=edges, spreads=spreads, **ends)


def _spread(scores: Floats, errors: Floats, needed: int) -> tuple[tuple[float, ...], tuple[float, ...], Booleans]:
    """Edges of the score, the mean error up to each and beyond the last, and the rows that are left for the quantile:
    every other one, because what the spread was found on is not exchangeable with what comes. All where half of them
    are fewer than needed for the quantile.
    """
    all_rows = np.ones(len(scores), dtype=bool)
    if len(scores) < max(_LEAST_FOR_SPREAD, 2 * needed):
        return (), (1.0,), all_rows
    told = np.arange(len(scores)) % 2 == 1
    edges = np.unique(np.quantile(scores[told], np.linspace(0, 1, _PARTS + 1)[1:-1], method="lower"))
    codes = np.searchsorted(edges, scores[told], side="left")
    counts = np.bincount(codes, minlength=len(edges) + 1)
    sums = np.bincount(codes, weights=errors[told], minlength=len(edges) + 1)
    overall = float(errors[told].mean())
    if overall == 0.0:
        return (), (1.0,), all_rows
    # A few rows of the overall spread are added to each part, so that none is 0.
    spreads = (sums + overall) / (counts + 1)
    return tuple(edges.tolist()), tuple(spreads.tolist()), ~told


def _grouped(values: Floats, groups: Sequence[str] | None, *, level: float, by: str | None, adapts: bool) -> Grouped:
    own: dict[str, Floats] = {}
    if by is not None and groups is not None:
        names, codes, counts = np.unique(np.array(groups, dtype=str), return_inverse=True, return_counts=True)
        enough = np.flatnonzero(counts >= max(FEW, rows_needed(level)))
        largest = enough[np.argsort(-counts[enough], kind="stable")[: _MOST_ADAPTING if adapts else _MOST_GROUPS]]
        own = {str(names[each]): values[codes == each] for each in sorted(largest)}
    return Grouped(
        conformal_quantile(values, level),
        None if groups is None else by,
        {name: conformal_quantile(each, level) for name, each in own.items()},
        *((_grid(values, own, level), Levels(level)) if adapts else ()),
    )


def _grid(values: Floats, own: Mapping[str, Floats], level: float) -> QuantileGrid:
    """The quantiles at all levels that so many rows have, the part's own level among them."""
    levels = sorted({*_LEVELS, level})

    def found(of: Floats) -> tuple[float, ...]:
        places = np.ceil((len(of) + 1) * np.array(levels) - 1e-9).astype(int)
        return tuple(np.sort(of)[places[places <= len(of)] - 1].tolist())

    pooled = found(values)
    return QuantileGrid(tuple(levels[: len(pooled)]), pooled, {name: found(each) for name, each in own.items()})
