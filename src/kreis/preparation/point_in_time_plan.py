"""What a feature view needs: the values of each row, the aggregations over them, and what is made of those.

The batch join and the online store work from the same plan. Polars is not imported here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kreis.durations import duration_us
from kreis.errors import ProjectError
from kreis.expressions.checking import has_aggregate
from kreis.expressions.tree import Column, Expression, fingerprint
from kreis.expressions.windows import WindowAggregate, decompose_all
from kreis.preparation.views import FeatureView

__all__ = ["Combination", "Plan", "plan_of"]


@dataclass(frozen=True)
class Combination:
    """An expression over reductions, which reads the one at `reductions[i]` as the column "i"."""

    reductions: tuple[int, ...]
    expression: Expression


@dataclass(frozen=True)
class Plan:
    """How a view is computed."""

    rows: tuple[Expression, ...]
    """The distinct row expressions: for a latest view its features, for a windowed one the aggregations' arguments."""
    reductions: tuple[WindowAggregate, ...]
    """The distinct aggregations; none for a latest view."""
    features: dict[str, int | Combination]
    """Short name to the place of a row expression (latest) or of a reduction, or what is made of several."""
    windows: tuple[int, ...]
    """In µs, as in the view."""
    ttl: int | None
    """In µs."""


def plan_of(view: FeatureView) -> Plan:
    """Read off a view what it needs.

    Raises:
        ProjectError: a windowed feature does not aggregate, or a latest one does.
    """
    ttl = duration_us(view.ttl) if view.ttl else None
    return _windowed(view, ttl) if view.windows else _latest(view, ttl)


def _windowed(view: FeatureView, ttl: int | None) -> Plan:
    rows: tuple[Expression, ...] = ()
    reductions: list[WindowAggregate] = []
    features: dict[str, int | Combination] = {}
    for name, parts in decompose_all(view.features).items():
        rows = parts.rows
        reductions += [each for each in parts.aggregates if each not in reductions]
        places = tuple(reductions.index(each) for each in parts.aggregates)
        features[name] = places[0] if parts.post == Column("0") else Combination(places, parts.post)
    windows = tuple(duration_us(window) for window in view.windows)
    return Plan(rows, tuple(reductions), features, windows, ttl)


def _latest(view: FeatureView, ttl: int | None) -> Plan:
    rows: dict[str, Expression] = {}
    features: dict[str, int | Combination] = {}
    for name, feature in view.features.items():
        if has_aggregate(feature):
            where = f"feature view {view.name!r}, feature {name!r}"
            raise ProjectError("it aggregates, but the view has no windows", where=where, hint='add windows=["7d"]')
        mark = fingerprint(feature)
        rows.setdefault(mark, feature)
        features[name] = list(rows).index(mark)
    return Plan(tuple(rows.values()), (), features, (), ttl)
