"""Plain expressions over features as ONNX nodes: what is added to, or put in front of, a model that learned."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from kreis.errors import ProjectError
from kreis.expressions.tree import Call, Column, Expression, Literal, walk

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
    import onnx
    from onnx import helper

    from kreis.training.graph import INPUT, OUTPUT, finish_graph

    model = onnx.load_from_string(content)
    nodes = list(model.graph.node)
    for node in nodes:  # what the model said is no longer the end
        node.output[:] = ["learned" if name == OUTPUT else name for name in node.output]
        node.input[:] = ["learned" if name == OUTPUT else name for name in node.input]
    plain = _Plain(features)
    value = plain.node(expression)
    instead, nought = plain.constant(np.float32(missing)), plain.constant(np.float32(0))
    plain.nodes += [
        helper.make_node("Sub", [value, value], ["apart"]),  # 0 of a finite number only
        helper.make_node("Equal", ["apart", nought], ["known"]),
        helper.make_node("Where", ["known", value, instead], ["plain"]),
        helper.make_node("Add", ["learned", "plain"], [OUTPUT]),
    ]
    versions = {each.domain: max(each.version, 13 if each.domain == "" else 1) for each in model.opset_import}
    constants = [*model.graph.initializer, *plain.constants]
    return finish_graph([*nodes, *plain.nodes], constants, INPUT, len(features), versions, score=OUTPUT)


class _Plain:
    """Nodes for an expression, each value of shape (n,)."""

    def __init__(self, features: list[str]) -> None:
        self._features = features
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        from onnx import numpy_helper

        name = f"constant {len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value), name))
        return name

    def node(self, expression: Expression) -> str:
        """The name of an expression's value."""
        from onnx import helper

        match expression:
            case Literal(value):
                return self.constant(np.float32(math.nan if value is None else value))
            case Column(name):
                if name not in self._features:
                    raise ProjectError.unknown_name("feature", name, self._features, where="Differenced")
                inputs, operator = ["features", self.constant(np.int64(self._features.index(name)))], "Gather"
            case Call("coalesce", arguments):
                return self._first_known([self.node(each) for each in arguments])
            case Call(operation, arguments):
                inputs, operator = [self.node(each) for each in arguments], _OPERATORS[operation]
            case _:
                raise ProjectError("it aggregates", where="Differenced")
        result = f"value {len(self.nodes)}"
        options: dict[str, Any] = {"axis": 1} if operator == "Gather" else {}
        self.nodes.append(helper.make_node(operator, inputs, [result], **options))
        return result

    def _first_known(self, values: list[str]) -> str:
        """The name of the first of some values that is a number, row by row."""
        from onnx import helper

        *others, found = values
        for value in reversed(others):
            result = f"value {len(self.nodes)}"
            missing = f"missing {len(self.nodes)}"
            self.nodes.append(helper.make_node("IsNaN", [value], [missing]))
            self.nodes.append(helper.make_node("Where", [missing, found, value], [result]))
            found = result
        return found
