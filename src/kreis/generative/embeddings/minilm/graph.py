"""BERT's encoder as ONNX, made from its weights, with int8 matrices. Needs `onnx`; whoever runs it does not."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kreis.errors import CorruptionError

__all__ = ["float_graph", "quantized_graph", "read_safetensors"]

_LAYERS: Final = 6
_HEADS: Final = 12
_WIDTH: Final = 384
_EPSILON: Final = 1e-12
_LARGEST_HEADER: Final = 1 << 20

Weights = dict[str, npt.NDArray[np.float32]]


def read_safetensors(path: Path) -> Weights:
    """The float32 tensors of a file: a JSON header with their places, then the raw numbers.

    Raises:
        CorruptionError: it is not such a file.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size <= _LARGEST_HEADER:
            raise CorruptionError("it is no safetensors file", where=str(path), hint="install its package again")
        header: dict[str, Any] = json.loads(file.read(size))
        data = np.fromfile(file, dtype=np.uint8)
    found = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            start, stop = tensor["data_offsets"]
            found[name] = data[start:stop].view("<f4").reshape(tensor["shape"])
    return found


def quantized_graph(weights: Weights) -> bytes:
    """`float_graph` with matrices of int8, one scale for each of their columns, and activations of uint8 with one for
    each text; the vectors of words are int8 too.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder:
        source, made = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(float_graph(weights))
        quantize_dynamic(
            source, made, op_types_to_quantize=["MatMul", "Gather"], weight_type=QuantType.QInt8, per_channel=True
        )
        return made.read_bytes()


def float_graph(weights: Weights) -> bytes:
    """Token numbers of one text, shape (n), to the mean of its token vectors with length 1, shape (384)."""
    from onnx import TensorProto, helper

    graph = _Nodes(weights)
    x = graph.embedded()
    for layer in range(_LAYERS):
        x = graph.layer(x, f"encoder.layer.{layer}.")
    mean = graph.add("ReduceMean", [x, graph.constant("axis", np.array([0], dtype=np.int64))], keepdims=0)
    graph.add("LpNormalization", [mean], "vector", axis=0, p=2)
    made = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [_WIDTH])],
        initializer=graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10, producer_name="kreis")
    helper.set_model_props(model, {"onnx.infer": "onnxruntime.quant"})  # to quantize it as it is, without a warning
    return bytes(model.SerializeToString())


class _Nodes:
    """The nodes of a graph as they are added; each gives the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        if all(each.name != name for each in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def embedded(self) -> str:
        """Words and their places; all texts are of the first kind."""
        words = self.constant("words", self._weights["embeddings.word_embeddings.weight"])
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        places = self.constant("places", self._weights["embeddings.position_embeddings.weight"] + kind)
        first, axis = self.constant("first", np.zeros(1, dtype=np.int64)), self.constant("axis", np.zeros(1, np.int64))
        place = self.add("Slice", [places, first, self.add("Shape", ["tokens"]), axis])
        both = self.add("Add", [self.add("Gather", [words, "tokens"]), place])
        return self.normal(both, "embeddings.LayerNorm")

    def layer(self, x: str, prefix: str) -> str:
        """Attention and two matrices, each added to what came in (Vaswani et al. 2017)."""
        attended = self.dense(self.attention(x, f"{prefix}attention.self."), f"{prefix}attention.output.dense")
        x = self.normal(self.add("Add", [attended, x]), f"{prefix}attention.output.LayerNorm")
        wide = self.add("Gelu", [self.dense(x, f"{prefix}intermediate.dense")])
        out = self.dense(wide, f"{prefix}output.dense")
        return self.normal(self.add("Add", [out, x]), f"{prefix}output.LayerNorm")

    def attention(self, x: str, prefix: str) -> str:
        shape = self.constant("heads", np.array([-1, _HEADS, _WIDTH // _HEADS], dtype=np.int64))
        query, key, value = (
            self.add("Reshape", [self.dense(x, prefix + name), shape]) for name in ("query", "key", "value")
        )
        query, value = (self.add("Transpose", [each], perm=[1, 0, 2]) for each in (query, value))
        key = self.add("Transpose", [key], perm=[1, 2, 0])
        scale = self.constant("scale", np.array(np.sqrt(_WIDTH / _HEADS), dtype=np.float32))
        weights = self.add("Softmax", [self.add("Div", [self.add("MatMul", [query, key]), scale])], axis=-1)
        mixed = self.add("Transpose", [self.add("MatMul", [weights, value])], perm=[1, 0, 2])
        return self.add("Reshape", [mixed, self.constant("flat", np.array([-1, _WIDTH], dtype=np.int64))])

    def dense(self, x: str, name: str) -> str:
        matrix = self.constant(f"{name}.matrix", self._weights[f"{name}.weight"].T)
        return self.add("Add", [self.add("MatMul", [x, matrix]), self.constant(name, self._weights[f"{name}.bias"])])

    def normal(self, x: str, name: str) -> str:
        scale = self.constant(f"{name}.scale", self._weights[f"{name}.weight"])
        shift = self.constant(name, self._weights[f"{name}.bias"])
        return self.add("LayerNormalization", [x, scale, shift], axis=-1, epsilon=_EPSILON)
