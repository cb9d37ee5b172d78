"""What stands in front of a model's graph: the operations of the encodings, from the features as they come."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

__all__ = ["Front"]


class Front:
    """Collects operations and constants of an ONNX graph. The features as they come are called "raw", what they say
    "texts".
    """

    INT64: ClassVar[int] = 7
    FLOAT: ClassVar[int] = 1

    def __init__(self, texts: Mapping[int, int]) -> None:
        """`texts`: by the place of a feature, which of the texts it is."""
        self.texts = texts
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names = count()

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """Keep an array; returns its name."""
        from onnx import numpy_helper

        name = f"front {next(self._names)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, operation: str, *given: str, domain: str = "", **options: Any) -> str:
        """Add an operation with one output; returns the name of that."""
        from onnx import helper

        name = f"front {next(self._names)}"
        self.nodes.append(helper.make_node(operation, list(given), [name], domain=domain, **options))
        return name
