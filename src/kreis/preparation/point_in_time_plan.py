"""What a feature view needs: the values of each row, the aggregations over them, and what is made of those.

The batch join and the online store work from the same plan. Polars is not imported here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kreis.errors import ProjectError
from kreis.preparation.expressions.operations import AGGREGATES
from kreis.preparation.expressions.tree import Aggregate, Call, Column, Expression, aggregates, columns, fingerprint
from kreis.preparation.views import FeatureView, parse_duration

__all__ = ["Plan", "Reduction", "aggregate_name", "microseconds_of", "plan_of"]


@dataclass(frozen=True)
class Reduction:
    """An aggregation over the values of one row expression (`column`, None for the number of rows)."""

    operation: str
    column: int | None


@dataclass(frozen=True)
class Plan:
    """How a view is computed."""

    rows: tuple[Expression, ...]
    """The distinct row expressions: for a latest view its features, for a windowed one the aggregations' arguments."""
    reductions: tuple[Reduction, ...]
    """The distinct aggregations; none for a latest view."""
    features: dict[str, Expression | int]
    """Short name to: place of a row expression (latest), place of a reduction, or an expression over reductions."""
    windows: tuple[int, ...]
    """In µs, as in the view."""
    ttl: int | None
    """In µs."""


def aggregate_name(place: int) -> str:
    """The column that an expression over reductions reads for the reduction at `place`."""
    return f"reduction_{place}"


def microseconds_of(duration: str) -> int:
    """A duration as written ("24h") in µs."""
    return round(parse_duration(duration).total_seconds()) * 1_000_000


def plan_of(view: FeatureView) -> Plan:
    """Read off a view what it needs.

    Raises:
        ProjectError: a windowed feature reads a column outside an aggregation, or a latest one aggregates.
    """
    windows = tuple(microseconds_of(window) for window in view.windows)
    ttl = microseconds_of(view.ttl) if view.ttl else None
    rows: dict[str, Expression] = {}
    places: dict[str, int] = {}
    reductions: list[Reduction] = []
    features: dict[str, Expression | int] = {}
    for name, feature in view.features.items():
        where = f"feature view {view.name!r}, feature {name!r}"
        found = aggregates(feature)
        if not windows:
            if found:
                raise ProjectError("it aggregates, but the view has no windows", where=where, hint='add windows=["7d"]')
            features[name] = _place(rows, feature)
            continue
        for each in found:
            if (mark := fingerprint(each)) not in places:
                places[mark] = len(reductions)
                reductions.append(_reduction(each, rows, where))
        combined = _over_reductions(feature, places)
        if loose := columns(combined) - {aggregate_name(place) for place in range(len(reductions))}:
            hint = f'aggregate it: pl.col("{min(loose)}").mean()'
            raise ProjectError(f"it reads {min(loose)!r} outside an aggregation", where=where, hint=hint)
        features[name] = places[fingerprint(feature)] if isinstance(feature, Aggregate) else combined
    return Plan(tuple(rows.values()), tuple(reductions), features, windows, ttl)


def _reduction(aggregate: Aggregate, rows: dict[str, Expression], where: str) -> Reduction:
    if aggregate.operation not in AGGREGATES:
        raise ProjectError.unknown_name("aggregation", aggregate.operation, AGGREGATES, where=where)
    if aggregate.operation == "len":
        return Reduction("len", None)
    if aggregate.argument is None:
        raise ProjectError(f"the aggregation {aggregate.operation!r} needs something to aggregate", where=where)
    return Reduction(aggregate.operation, _place(rows, aggregate.argument))


def _place(rows: dict[str, Expression], expression: Expression) -> int:
    """The place of a row expression, which is added if it is new."""
    mark = fingerprint(expression)
    if mark not in rows:
        rows[mark] = expression
    return list(rows).index(mark)


def _over_reductions(expression: Expression, places: dict[str, int]) -> Expression:
    """The expression with each aggregation replaced by the column of its reduction."""
    if isinstance(expression, Aggregate):
        return Column(aggregate_name(places[fingerprint(expression)]))
    if isinstance(expression, Call):
        arguments = tuple(_over_reductions(each, places) for each in expression.arguments)
        return Call(expression.operation, arguments, expression.options)
    return expression
