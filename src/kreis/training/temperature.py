"""What the validation rows say of several numbers, put into the graph: a temperature of probabilities, or offsets of
quantiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import UNSET

from kreis.models.explanations.additive import Additive
from kreis.models.form import Onnx
from kreis.models.temperature import at_temperature
from kreis.tasks.decisions import Scores
from kreis.tasks.task import FittedDecision
from kreis.training.candidate import Fitted
from kreis.training.data import TrainingData
from kreis.training.fidelity import prove_same

__all__ = ["behind", "made_true"]


def made_true(fitted: Fitted, found: FittedDecision, rows: TrainingData) -> Fitted:
    """A model with what was found on the validation rows behind it, proved on rows; itself where nothing was.

    Args:
        fitted: Gives several numbers for a row.
        found: A temperature above 1 makes probabilities less sure; offsets are added to quantiles, in order again.
        rows: Some that the model takes.
    """
    if fitted.form.content is None or (found.temperature is UNSET and found.offsets is UNSET):
        return fitted
    learned = fitted.scorer()
    offsets = np.array(found.offsets or (), dtype=np.float32)
    temperature = float(found.temperature or 1.0)
    ending = _with_offsets(offsets) if len(offsets) else _at_temperature(temperature)
    content = behind(fitted.form.content, ending)

    def expected(*given: Any) -> Any:
        scores = learned.score(*given)
        return np.sort(scores + offsets, axis=1) if len(offsets) else at_temperature(scores, temperature)

    prove_same(
        content,
        expected,
        rows.matrix,
        where="what the validation rows say",
        texts=rows.texts,
    )
    if len(offsets):
        return fitted.then(Onnx.of(content), Additive.plus, offsets)
    return fitted.then(Onnx.of(content), Additive.times, 1 / temperature)


Ending = tuple[list[Any], list[Any]]
"""Nodes from "learned" to the score, and their constants."""


def _at_temperature(temperature: float) -> Ending:
    """softmax(log(p) / temperature); a probability of 0 stays 0."""
    from onnx import helper, numpy_helper

    from kreis.training.graph import OUTPUT

    nodes = [
        helper.make_node("Log", ["learned"], ["logits"]),
        helper.make_node("Mul", ["logits", "coolness"], ["cooled"]),
        helper.make_node("Softmax", ["cooled"], [OUTPUT], axis=1),
    ]
    return nodes, [numpy_helper.from_array(np.array(1 / temperature, dtype=np.float32), "coolness")]


def _with_offsets(offsets: Scores) -> Ending:
    """The sum, in ascending order."""
    from onnx import helper, numpy_helper

    from kreis.training.graph import OUTPUT

    options: dict[str, Any] = {"axis": 1, "largest": 0, "sorted": 1}
    nodes = [
        helper.make_node("Add", ["learned", "offsets"], ["moved"]),
        helper.make_node("TopK", ["moved", "how many"], [OUTPUT, "their places"], **options),
    ]
    count = numpy_helper.from_array(np.array([len(offsets)], dtype=np.int64), "how many")
    return nodes, [numpy_helper.from_array(offsets[None, :].astype(np.float32), "offsets"), count]


def behind(content: bytes, ending: Ending) -> bytes:
    """A finished model with something behind it."""
    import onnx

    from kreis.training.graph import INPUT, OUTPUT, finish_graph, outputs_of, texts_of, versions_of

    model, (nodes, constants) = onnx.load_from_string(content), ending
    for node in model.graph.node:
        node.output[:] = ["learned" if name == OUTPUT else name for name in node.output]
    return finish_graph(
        [*model.graph.node, *nodes],
        [*model.graph.initializer, *constants],
        INPUT,
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value,
        versions_of(model),
        outputs=outputs_of(model),
        texts=texts_of(model),
    )
