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
from kreis.training.nodes import Ending, Nodes, behind

__all__ = ["made_true"]


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

    def ending(graph: Nodes, learned: str) -> str:
        numbers = (truer.of_yes, truer.of_no, truer.offset, *ENDS, 1.0)
        of_yes, of_no, offset, least, most, whole = map(graph.constant, numbers)
        within = graph.node("Clip", learned, least, most)
        ln_yes = graph.node("Log", within)
        ln_no = graph.node("Log", graph.node("Sub", whole, within))
        for_yes, for_no = graph.node("Mul", ln_yes, of_yes), graph.node("Mul", ln_no, of_no)
        return graph.node("Sigmoid", graph.node("Add", graph.node("Sub", for_yes, for_no), offset))

    return ending


def _by_table(truer: Table) -> Ending:
    """The first value, and of each stretch as much of its rise as the probability has gone through."""
    at, says = np.array(truer.at), np.array(truer.says)
    widths = np.diff(at)

    def ending(graph: Nodes, learned: str) -> str:
        columns = graph.constant([1], np.int64)
        numbers = (at[None, :-1], widths[None, :], (np.diff(says) / widths)[:, None], 0.0, says[0])
        begins, width, slopes, none, first = map(graph.constant, numbers)
        beyond = graph.node("Sub", graph.node("Unsqueeze", learned, columns), begins)
        through = graph.node("Min", graph.node("Max", beyond, none), width)
        return graph.node("Add", graph.node("Squeeze", graph.node("MatMul", through, slopes), columns), first)

    return ending


def _at_temperature(temperature: float) -> Ending:
    """softmax(log(p) / temperature); a probability of 0 stays 0."""

    def ending(graph: Nodes, learned: str) -> str:
        cooled = graph.node("Mul", graph.node("Log", learned), graph.constant(1 / temperature))
        return graph.node("Softmax", cooled, axis=1)

    return ending


def _with_offsets(offsets: Scores) -> Ending:
    """The sum, in ascending order."""

    def ending(graph: Nodes, learned: str) -> str:
        moved = graph.node("Add", learned, graph.constant(offsets[None, :]))
        count = graph.constant([len(offsets)], np.int64)
        return graph.node("TopK", moved, count, outputs=2, axis=1, largest=0, sorted=1)

    return ending
