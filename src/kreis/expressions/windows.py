"""A windowed feature in three parts: what each row contributes, what is aggregated, and what is made of that.

Row values are float64 with NaN for missing, so a store can hold one column for each distinct row expression,
and a window is a slice of it. Within a window, unlike in bare Polars, a NaN is missing and all aggregates come
out as float64, in batches and online alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kreis.errors import ProjectError
from kreis.expressions.checking import has_aggregate, validate
from kreis.expressions.tree import Aggregate, Call, Column, Expression

__all__ = ["Decomposition", "WindowAggregate", "decompose", "decompose_all"]


class WindowAggregate(msgspec.Struct, frozen=True):
    """An aggregation over a window of the row values at `row`; for "len" there are none."""

    operation: str
    row: int | None


class Decomposition(msgspec.Struct, frozen=True):
    """`post` is an expression over the aggregates, which it reads as columns "0", "1", …"""

    rows: tuple[Expression, ...]
    aggregates: tuple[WindowAggregate, ...]
    post: Expression


def decompose(expression: Expression) -> Decomposition:
    """Split one aggregating expression.

    Raises:
        ProjectError: it is invalid, or does not aggregate.
    """
    return decompose_all({"expression": expression})["expression"]


def decompose_all(expressions: Mapping[str, Expression]) -> dict[str, Decomposition]:
    """Split several; all of them share one tuple of distinct row expressions.

    Raises:
        ProjectError: one of them is invalid, or does not aggregate.
    """
    rows: list[Expression] = []
    split = {}
    for name, expression in expressions.items():
        validate(expression, where=name)
        if not has_aggregate(expression):
            raise ProjectError("it does not aggregate", where=name, hint="write .mean(), .sum(), .last() or pl.len()")
        found: list[WindowAggregate] = []
        post = _replace(expression, rows, found)
        split[name] = (tuple(found), post)
    return {name: Decomposition(tuple(rows), found, post) for name, (found, post) in split.items()}


def _replace(node: Expression, rows: list[Expression], found: list[WindowAggregate]) -> Expression:
    if isinstance(node, Aggregate):
        row = None
        if node.argument is not None:
            if node.argument not in rows:
                rows.append(node.argument)
            row = rows.index(node.argument)
        aggregate = WindowAggregate(node.operation, row)
        if aggregate not in found:
            found.append(aggregate)
        return Column(str(found.index(aggregate)))
    if isinstance(node, Call):
        return Call(node.operation, tuple(_replace(each, rows, found) for each in node.arguments), node.options)
    return node
