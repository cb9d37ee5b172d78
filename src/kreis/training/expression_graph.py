"""Plain expressions over features as ONNX nodes: what is added to, or put in front of, a model that learned."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from kreis.errors import ProjectError
from kreis.expressions.tree import Call, Column, Expression, Literal, walk
from kreis.training.graph import INPUT
from kreis.training.nodes import Nodes, behind

__all__ = ["added", "check_convertible"]

_OPERATORS: Final = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "when": "Where",
    "coalesce": "Where",
}


def check_convertible(expression: Expression, *, where: str) -> None:
    """See that an expression can become ONNX.

    Raises:
        ProjectError: it has an operation that cannot.
    """
    for node in walk(expression):
        number = isinstance(node, Literal) and not isinstance(node.value, bool | str)
        if not (number or isinstance(node, Column) or (isinstance(node, Call) and node.operation in _OPERATORS)):
            said = node.operation if isinstance(node, Call) else repr(getattr(node, "value", node))
            hint = "columns, numbers, + - * /, comparisons and pl.when do"
            raise ProjectError(f"{said} cannot become part of a model", where=where, hint=hint)


def added(content: bytes, expression: Expression, features: list[str], *, missing: float) -> bytes:
    """Put an expression's value on top of a finished model's score.

    Args:
        content: A model as `finish_graph` leaves it.
        expression: Of features; checked by `check_convertible`.
        features: Their names, in order.
        missing: What stands for the value where it is none.
    """

    def ending(graph: Nodes, learned: str) -> str:
        value = _value(graph, expression, features)
        instead, nought = graph.constant(missing), graph.constant(0)
        known = graph.node("Equal", graph.node("Sub", value, value), nought)  # 0 of a finite number only
        return graph.node("Add", learned, graph.node("Where", known, value, instead))

    return behind(content, ending)


def _value(graph: Nodes, expression: Expression, features: list[str]) -> str:
    """The name of an expression's value, of shape (n,)."""
    match expression:
        case Literal(value):
            return graph.constant(math.nan if value is None else value)
        case Column(name):
            if name not in features:
                raise ProjectError.unknown_name("feature", name, features, where="Differenced")
            return graph.node("Gather", INPUT, graph.constant(features.index(name), np.int64), axis=1)
        case Call("coalesce", arguments):
            *others, found = (_value(graph, each, features) for each in arguments)
            for value in reversed(others):  # the first that is a number, row by row
                found = graph.node("Where", graph.node("IsNaN", value), found, value)
            return found
        case Call(operation, arguments):
            return graph.node(_OPERATORS[operation], *(_value(graph, each, features) for each in arguments))
    raise ProjectError("it aggregates", where="Differenced")
