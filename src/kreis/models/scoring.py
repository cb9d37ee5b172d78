"""Scores from what kreis ships: ONNX bytes, or a rule's expression.

Evaluation, packaging and the service all score through this module, so none of them can differ. It imports ONNX
Runtime and NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError, RefusalError
from kreis.expressions.kinds import Kind
from kreis.expressions.tree import Expression, columns

__all__ = ["OnnxScorer", "RuleScorer", "Scorer"]

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

BATCH = 16_384
"""Rows given to ONNX Runtime at once, so that memory stays flat however many there are."""


class Scorer(Protocol):
    """Turns features into scores."""

    def score(self, matrix: Matrix) -> Scores:
        """Scores in [0, 1], float32 of shape (n,), for features, float32 of shape (n, f)."""
        ...


class OnnxScorer:
    """Scores by ONNX Runtime. Safe to share between threads; one session for each process."""

    def __init__(self, session: Any, width: int) -> None:
        self._session = session
        self.width = width
        """How many features it takes."""

    @classmethod
    def from_onnx(cls, content: bytes, *, threads: int = 1) -> OnnxScorer:
        """Load a model from its bytes.

        Raises:
            RefusalError: ONNX Runtime cannot load it, it names a file outside of itself, or it is anything else than
                `features` float32 (n, f) to `score` float32 (n,).
        """
        import onnxruntime

        if b"location" in content:
            # The key without which no tensor can point to another file (onnx.proto3, TensorProto.external_data);
            # a model that kreis has finished holds no name or text that could contain it.
            raise RefusalError("the model refers to data outside of itself", where="ONNX model")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions derive from nothing else
            raise RefusalError(f"ONNX Runtime cannot load it: {error}", where="ONNX model") from error
        return cls(session, _check_signature(session))

    def score(self, matrix: Matrix) -> Scores:
        """Scores in [0, 1], float32 of shape (n,), for features, float32 of shape (n, f); NaN is a missing value."""
        rows = len(matrix)
        if rows <= BATCH:
            scores: Scores = self._session.run(_OUTPUTS, {"features": matrix})[0]
            return scores
        parts = (matrix[start : start + BATCH] for start in range(0, rows, BATCH))
        return np.concatenate([self._session.run(_OUTPUTS, {"features": np.ascontiguousarray(p)})[0] for p in parts])


_OUTPUTS = ["score"]


def _check_signature(session: Any) -> int:
    inputs = [(each.name, each.type, len(each.shape)) for each in session.get_inputs()]
    outputs = [(each.name, each.type, len(each.shape)) for each in session.get_outputs()]
    if inputs != [("features", "tensor(float)", 2)] or outputs != [("score", "tensor(float)", 1)]:
        raise RefusalError(
            f"it maps {inputs} to {outputs}, not features (n, f) to score (n,), both float32", where="ONNX model"
        )
    return int(session.get_inputs()[0].shape[1])


class RuleScorer:
    """Scores by an expression over features; a missing value scores 0."""

    def __init__(self, expression: Expression, features: Sequence[str]) -> None:
        """Prepare a rule.

        Raises:
            ProjectError: it reads a feature that is not among `features`.
        """
        for name in sorted(columns(expression)):
            if name not in features:
                raise ProjectError.unknown_name("feature", name, features, where="Rule")
        from kreis.expressions.rows import compile_row

        self.expression = expression
        self.width = len(features)
        places = {name: features.index(name) for name in sorted(columns(expression))}
        self._places = places
        self._kinds: dict[str, Kind] = dict.fromkeys(places, "number")
        self._row = compile_row({"score": expression}, self._kinds)

    def score(self, matrix: Matrix) -> Scores:
        """Scores in [0, 1], float32 of shape (n,), for features, float32 of shape (n, f); NaN is a missing value."""
        values = [self._one(row.tolist()) for row in matrix] if len(matrix) != 1 else [self._one(matrix[0].tolist())]
        return np.array(values, dtype=np.float32)

    def _one(self, row: list[float]) -> float:
        (value,) = self._row({name: row[place] for name, place in self._places.items()})
        return min(max(value, 0.0), 1.0) if value == value else 0.0
