"""What the validation rows say of raw outputs, put into the graph: a map of the probability of yes, a temperature of
those of classes, or offsets of quantiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType

from kreis.models.calibration_map import ENDS, CalibrationMap, LogOdds, Table, is_line
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
        fitted: What was learned.
        found: A map of the probability of yes; or of several numbers: a temperature above 1 makes probabilities less
            sure; offsets are added to quantiles, in order again.
        rows: Some that the model takes.
    """
    if fitted.form.content is None:
        return fitted
    if not isinstance(found.calibration, UnsetType):
        return _mapped(fitted, fitted.form.content, found.calibration, rows)
    if found.temperature is UNSET and found.offsets is UNSET:
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


def _mapped(fitted: Fitted, model: bytes, truer: CalibrationMap, rows: TrainingData) -> Fitted:
    """With a map behind it. What is a sum of log-odds stays one where the map is a line through them."""
    learned = fitted.scorer()
    content = behind(model, _by_log_odds(truer) if isinstance(truer, LogOdds) else _by_table(truer))

    def expected(*given: Any) -> Any:
        return truer.apply(learned.score(*given))

    prove_same(content, expected, rows.matrix, where="calibration", texts=rows.texts)
    if isinstance(truer, LogOdds) and is_line(truer):
        return fitted.then(Onnx.of(content), _on_a_line, truer.of_yes, truer.offset)
    return fitted.then(Onnx.of(content), Additive.recalibrated)


def _on_a_line(additive: Additive, slope: float, offset: float) -> Additive:
    return additive.times(slope).plus(offset)


def _by_log_odds(truer: LogOdds) -> Ending:
    """sigmoid(of_yes ln p - of_no ln(1 - p) + offset)."""
    from onnx import helper

    from kreis.training.graph import OUTPUT

    node, numbers = (
        helper.make_node,
        {"map: of yes": truer.of_yes, "map: of no": truer.of_no, "map: offset": truer.offset},
    )
    nodes = [
        node("Clip", ["learned", "map: least", "map: most"], ["map: within"]),
        node("Log", ["map: within"], ["map: ln yes"]),
        node("Sub", ["map: whole", "map: within"], ["map: rest"]),
        node("Log", ["map: rest"], ["map: ln no"]),
        node("Mul", ["map: ln yes", "map: of yes"], ["map: for yes"]),
        node("Mul", ["map: ln no", "map: of no"], ["map: for no"]),
        node("Sub", ["map: for yes", "map: for no"], ["map: both"]),
        node("Add", ["map: both", "map: offset"], ["map: odds"]),
        node("Sigmoid", ["map: odds"], [OUTPUT]),
    ]
    numbers |= {"map: least": ENDS[0], "map: most": ENDS[1], "map: whole": 1.0}
    return nodes, [_constant(name, value) for name, value in numbers.items()]


def _by_table(truer: Table) -> Ending:
    """The first value, and of each stretch as much of its rise as the probability has gone through."""
    from onnx import helper, numpy_helper

    from kreis.training.graph import OUTPUT

    at, says = np.array(truer.at), np.array(truer.says)
    node, widths = helper.make_node, np.diff(at)
    nodes = [
        node("Unsqueeze", ["learned", "map: columns"], ["map: column"]),
        node("Sub", ["map: column", "map: begins"], ["map: beyond"]),
        node("Max", ["map: beyond", "map: none"], ["map: gone"]),
        node("Min", ["map: gone", "map: widths"], ["map: through"]),
        node("MatMul", ["map: through", "map: slopes"], ["map: risen"]),
        node("Squeeze", ["map: risen", "map: columns"], ["map: rise"]),
        node("Add", ["map: rise", "map: first"], [OUTPUT]),
    ]
    numbers = {
        "map: begins": at[None, :-1],
        "map: widths": widths[None, :],
        "map: slopes": (np.diff(says) / widths)[:, None],
    }
    columns = numpy_helper.from_array(np.array([1], dtype=np.int64), "map: columns")
    constants = {**numbers, "map: none": 0.0, "map: first": float(says[0])}
    return nodes, [columns, *(_constant(name, value) for name, value in constants.items())]


def _constant(name: str, value: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(value, dtype=np.float32), name)


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
