"""Probabilities of classes that are as sure as they may be: one temperature, inside the graph."""

from __future__ import annotations

import dataclasses

import numpy as np

from kreis.models.form import Onnx
from kreis.models.temperature import at_temperature
from kreis.training.candidate import Fitted
from kreis.training.data import TrainingData
from kreis.training.fidelity import prove_same

__all__ = ["tempered"]


def tempered(fitted: Fitted, temperature: float | None, rows: TrainingData) -> Fitted:
    """A model whose probabilities are taken at another temperature, proved on rows; itself where there is none.

    Args:
        fitted: Gives the probability of each class.
        temperature: Above 1 makes them less sure.
        rows: Some that the model takes.
    """
    if temperature is None or fitted.form.content is None:
        return fitted
    content, learned = _at_temperature(fitted.form.content, temperature), fitted.scorer()
    prove_same(
        content,
        lambda *given: at_temperature(learned.score(*given), temperature),
        rows.matrix,
        where="the temperature of probabilities",
        texts=rows.texts,
    )
    return dataclasses.replace(fitted, form=Onnx.of(content))


def _at_temperature(content: bytes, temperature: float) -> bytes:
    """softmax(log(p) / temperature), behind a finished model; a probability of 0 stays 0."""
    import onnx
    from onnx import helper, numpy_helper

    from kreis.training.graph import INPUT, OUTPUT, finish_graph, outputs_of, texts_of, versions_of

    model = onnx.load_from_string(content)
    for node in model.graph.node:
        node.output[:] = ["learned" if name == OUTPUT else name for name in node.output]
    nodes = [
        helper.make_node("Log", ["learned"], ["logits"]),
        helper.make_node("Mul", ["logits", "coolness"], ["cooled"]),
        helper.make_node("Softmax", ["cooled"], [OUTPUT], axis=1),
    ]
    coolness = numpy_helper.from_array(np.array(1 / temperature, dtype=np.float32), "coolness")
    return finish_graph(
        [*model.graph.node, *nodes],
        [*model.graph.initializer, coolness],
        INPUT,
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value,
        versions_of(model),
        outputs=outputs_of(model),
        texts=texts_of(model),
    )
