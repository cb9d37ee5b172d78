"""Smaller models: weights that are kept with fewer bits, and computed with as float32 again.

Only what is kept becomes smaller: what an answer costs stays. Trees have no such weights; what a tree compares with
must stay as it is, so that each row falls into the same leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np

__all__ = ["FEWEST", "Precision", "with_weights"]

Precision = Literal["float32", "float16", "int8"]
"""How the weights of a model are kept."""
FEWEST: Final = 1_024
"""Of fewer numbers, an array of weights stays as it is: it saves nothing."""


def with_weights(content: bytes, kind: Precision) -> bytes | None:
    """A model whose large arrays of weights are kept with fewer bits; None where it has none.

    "float16" rounds each weight to 11 bits. "int8" rounds to 255 steps, symmetric, with a scale for each column of a
    matrix (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 2.1; per channel as in Krishnamoorthi 2018, section 3.1.2).

    Args:
        content: An ONNX model as kreis ships it.
        kind: How weights are kept.
    """
    import onnx

    from kreis.training.graph import INPUT, finish_graph, outputs_of, texts_of, versions_of

    model = onnx.load_from_string(content)
    made = {"float16": _halved, "int8": _in_steps}.get(kind)
    if made is None:
        return None
    kept, nodes = [], []
    for each in model.graph.initializer:
        values = onnx.numpy_helper.to_array(each)
        if values.dtype == np.float32 and values.ndim == 2 and values.size >= FEWEST and np.isfinite(values).all():
            smaller, before = made(each.name, values)
            kept += smaller
            nodes.append(before)
        else:
            kept.append(each)
    if not nodes:
        return None
    return finish_graph(
        [*nodes, *model.graph.node],
        kept,
        INPUT,
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value,
        versions_of(model),
        outputs=outputs_of(model),
        texts=texts_of(model),
    )


Smaller = tuple[list[Any], Any]
"""What is kept in place of an array, and the node that makes the array of it."""
_Make = Callable[[str, "np.ndarray[Any, np.dtype[np.float32]]"], Smaller]


def _halved(name: str, values: np.ndarray[Any, np.dtype[np.float32]]) -> Smaller:
    from onnx import TensorProto, helper, numpy_helper

    largest = np.finfo(np.float16).max
    half = np.clip(values, -largest, largest).astype(np.float16)
    node = helper.make_node("Cast", [f"{name} half"], [name], to=TensorProto.FLOAT)
    return [numpy_helper.from_array(half, f"{name} half")], node


def _in_steps(name: str, values: np.ndarray[Any, np.dtype[np.float32]]) -> Smaller:
    from onnx import helper, numpy_helper

    scale = np.abs(values).max(axis=0) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    steps = np.rint(values / scale).astype(np.int8)
    node = helper.make_node("DequantizeLinear", [f"{name} steps", f"{name} scale"], [name], axis=1)
    return [numpy_helper.from_array(steps, f"{name} steps"), numpy_helper.from_array(scale, f"{name} scale")], node
