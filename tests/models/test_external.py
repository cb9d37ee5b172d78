"""Whether a model points outside is read from its protobuf, not guessed from a text."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kreis.errors import RefusalError
from kreis.models.external import refers_outside
from kreis.models.scoring import OnnxScorer


def model(*, doc: str = "", nested: bool = False, external: bool = False) -> onnx.ModelProto:
    """A model that adds a constant; the constant is an initializer, or lies in a node of a nested graph."""
    tensor = numpy_helper.from_array(np.array([0.5], np.float32), "half")
    if external:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")
    nodes = [
        helper.make_node("Gather", ["features", "first"], ["column"], axis=1),
        helper.make_node("Add", ["column", "half"], ["score"], doc_string=doc),
    ]
    initializers = [numpy_helper.from_array(np.array(0), "first")]
    if nested:
        inner = helper.make_graph([helper.make_node("Constant", [], ["in"], value=tensor)], "inner", [], [])
        nodes.append(helper.make_node("If", ["features"], ["unused"], then_branch=inner, else_branch=inner))
    else:
        initializers.append(tensor)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_a_text_that_only_looks_like_it_is_no_reference():
    content = model(doc="the location of the store").SerializeToString()
    assert b"location" in content
    assert not refers_outside(content)
    assert OnnxScorer.from_onnx(content).score(np.array([[1.0]], np.float32)).tolist() == [1.5]


@pytest.mark.parametrize("nested", [False, True])
def test_external_data_are_found_wherever_they_are(nested: bool):
    content = model(external=True, nested=nested).SerializeToString()
    assert refers_outside(content)
    with pytest.raises(RefusalError, match="data outside of itself"):
        OnnxScorer.from_onnx(content)


@pytest.mark.parametrize("content", [b"\x3a\xff\xfflocation", b"location", b"\x3b location", b"\x3a" + b"\xff" * 11])
def test_what_cannot_be_walked_is_taken_for_a_reference(content: bytes):
    assert refers_outside(content + b"location")


def test_a_model_of_another_width_is_refused():
    with pytest.raises(RefusalError, match="takes 1 feature, 2 are named"):
        OnnxScorer.from_onnx(model().SerializeToString(), width=2)
