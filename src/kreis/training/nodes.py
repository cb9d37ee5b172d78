"""Operations and constants of an ONNX graph as they are put together, and what is put behind a finished model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.training.graph import INPUT, OUTPUT, finish_graph, outputs_of, texts_of, versions_of

__all__ = ["Ending", "Nodes", "behind"]


class Nodes:
    """Collects operations and constants, and names them: a value is known by the name that it was given."""

    INT64: ClassVar[int] = 7
    FLOAT: ClassVar[int] = 1

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names = count()

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Keep an array; returns its name."""
        from onnx import numpy_helper

        name = f"node {next(self._names)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, operation: str, *given: str, outputs: int = 1, **options: Any) -> str:
        """Add an operation; returns the name of its first output."""
        from onnx import helper

        names = [f"node {next(self._names)}" for _ in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(given), names, **options))
        return names[0]

    def filled(self, rows: str, instead: str) -> tuple[str, str]:
        """Rows with something else where a value is missing or infinite; and where that is."""
        missing = self.node("IsNaN", self.node("Sub", rows, rows))  # x - x is 0, or NaN where x is NaN or infinite
        return self.node("Where", missing, instead, rows), missing


Ending: TypeAlias = Callable[[Nodes, str], str]
"""Adds what comes behind a model; from the name of the model's score to that of the new one."""


def behind(content: bytes, ending: Ending) -> bytes:
    """A finished model with something behind it."""
    import onnx

    model, added = onnx.load_from_string(content), Nodes()
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = ["learned" if name == OUTPUT else name for name in side]
    score = ending(added, "learned")
    return finish_graph(
        [*model.graph.node, *added.nodes],
        [*model.graph.initializer, *added.constants],
        INPUT,
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value,
        versions_of(model),
        outputs=outputs_of(model),
        score=score,
        texts=texts_of(model),
    )
