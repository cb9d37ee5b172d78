"""What may be shipped as ONNX, and what is refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kreis.errors import ProjectError, RefusalError
from kreis.models.scoring import FormulaScorer, OnnxScorer
from kreis.training import graph
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.table import Table
from kreis.training.graph import check_graph
from kreis.training.testing import FEATURES, LOSS, example_rows


def model_of(candidate):
    return onnx.load_from_string(candidate.fit(*example_rows(), FEATURES, loss=LOSS, seed=0, threads=1).form.content)


@pytest.fixture
def model():
    return model_of(Logistic())


def refused(model, message, width=3):
    with pytest.raises(RefusalError, match=message):
        check_graph(model.SerializeToString(), width)


@pytest.mark.parametrize("candidate", [Logistic(), GradientBoosting(trees=3)], ids=["logistic", "boosting"])
def test_graph_names_no_maker_time_or_host(candidate):
    model = model_of(candidate)
    assert (model.producer_name, model.producer_version, model.doc_string, model.model_version) == ("kreis", "", "", 0)
    assert [each.name for each in model.graph.input] == ["features"]
    assert [each.name for each in model.graph.output] == ["score"]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    assert model.graph.name == "kreis"


def test_boosting_graph_is_one_ensemble_and_one_gather():
    assert [node.op_type for node in model_of(GradientBoosting(trees=3)).graph.node] == [
        "TreeEnsembleClassifier",
        "Gather",
    ]


def test_data_outside_of_the_file_is_refused(model, tmp_path):
    tensor = model.graph.initializer[0]
    (tmp_path / "weights").write_bytes(tensor.raw_data)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../weights")
    tensor.ClearField("raw_data")
    refused(model, "data outside of the model file")
    with pytest.raises(RefusalError, match="data outside of itself"):
        OnnxScorer.from_onnx(model.SerializeToString())


def test_data_outside_of_the_file_is_refused_in_an_attribute_too(model):
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [1], [0.0])
    tensor.external_data.add(key="location", value="weights")
    model.graph.node.append(helper.make_node("Constant", [], ["t"], value=tensor))
    refused(model, "data outside of the model file")


def test_other_operators_are_refused(model):
    model.graph.node[0].domain = "com.microsoft"
    refused(model, "another domain")
    with pytest.raises(RefusalError, match="ONNX Runtime cannot load"):
        OnnxScorer.from_onnx(model.SerializeToString())


def test_functions_and_metadata_are_refused(model):
    model.metadata_props.add(key="k", value="v")
    refused(model, "metadata")


def test_nested_graphs_are_refused(model):
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("If", ["score"], ["x"], then_branch=body, else_branch=body))
    refused(model, "nested graphs")


def test_other_inputs_and_outputs_are_refused(model):
    refused(model, "takes 3 features and not 4", width=4)
    wider = onnx.ModelProto()
    wider.CopyFrom(model)
    wider.graph.output.append(helper.make_tensor_value_info("v9", TensorProto.FLOAT, ["n"]))
    refused(wider, "its output is not 'score'")
    with pytest.raises(RefusalError):
        OnnxScorer.from_onnx(wider.SerializeToString())
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    refused(model, "its input is not 'features'")


def test_oversized_and_unreadable_bytes_are_refused(model, monkeypatch):
    with pytest.raises(RefusalError, match=r"not an ONNX model|not a valid|input"):
        check_graph(b"PK\x03\x04 certainly not", 3)
    monkeypatch.setattr(graph, "LARGEST", 10)
    refused(model, "more than the 10 allowed")


def test_invalid_graph_is_refused(model):
    model.graph.node[1].input[0] = "nowhere"
    refused(model, "not a valid model")


@pytest.mark.parametrize("place", range(0, 600, 7))
def test_a_changed_byte_never_crashes_the_loader(model, place):
    content = bytearray(model.SerializeToString())
    content[place % len(content)] ^= 0x41
    try:
        scores = OnnxScorer.from_onnx(bytes(content)).score(example_rows(20)[0])
    except (RefusalError, RuntimeError):
        return
    assert scores.shape == (20,)


def test_rule_scorer_names_the_nearest_feature():
    from kreis.expressions.tree import Column

    with pytest.raises(ProjectError, match="did you mean 'delay'"):
        FormulaScorer(Column("delays"), ["delay", "wind"])


def test_scorer_keeps_to_batches_of_any_layout():
    scorer = OnnxScorer.from_onnx(model_of(Logistic()).SerializeToString())
    matrix, _ = example_rows(50_000)
    assert np.array_equal(scorer.score(np.asfortranarray(matrix)), scorer.score(matrix))
    assert scorer.width == 3


def test_several_numbers_leave_by_one_output_whose_width_is_said(model):
    several = graph.finish_graph(
        [helper.make_node("Softmax", ["x"], ["score"], axis=1)], [], "x", 3, {"": 17}, outputs=3
    )
    loaded = onnx.load_from_string(several)
    assert graph.outputs_of(loaded) == 3
    assert OnnxScorer.from_onnx(several).score(np.zeros((2, 3), dtype=np.float32)).shape == (2, 3)
    places = Table.of_places(np.array([7.0, 5.0]))
    encoded = EncodedFeatures(("a", "b", "c"), {"b": places}).in_front_of(several)
    assert graph.outputs_of(onnx.load_from_string(encoded)) == 3
    loaded.graph.output[0].type.tensor_type.shape.dim[1].ClearField("value")
    refused(loaded, "how many numbers")
