"""Scores from what kreis ships: ONNX bytes, or an expression.

Evaluation, packaging and the service all score through this module, so none of them can differ. It imports ONNX
Runtime and NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError, RefusalError
from kreis.expressions.tree import Expression, columns
from kreis.models.external import refers_outside
from kreis.texts import counted

__all__ = ["FormulaScorer", "Matrix", "OnnxScorer", "Scorer", "Scores", "Texts"]

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
Texts = npt.NDArray[np.object_]
"""What features say that are read as texts, shape (n, t)."""

BATCH = 16_384
"""Rows given to ONNX Runtime at once, so that memory stays flat however many there are."""


class Scorer(Protocol):
    """Turns features into scores."""

    def score(self, matrix: Matrix, texts: Texts | None = None) -> Scores:
        """Raw outputs for features, float32 of shape (n, f): float32 of shape (n,), or (n, k) of several numbers.

        `texts`, shape (n, t), are what the features say that are read as texts; what reads none leaves them.
        """
        ...


class OnnxScorer:
    """Scores by ONNX Runtime. Safe to share between threads; one session for each process."""

    def __init__(self, session: Any, width: int, texts: int = 0) -> None:
        self._session = session
        self.width = width
        """How many features it takes."""
        self.texts = texts
        """How many of them it reads as texts."""

    @classmethod
    def from_onnx(cls, content: bytes, *, width: int | None = None, threads: int = 1) -> OnnxScorer:
        """Load a model from its bytes.

        Args:
            content: The model.
            width: How many features it is to take, where that is known.
            threads: How many may compute one call.

        Raises:
            RefusalError: ONNX Runtime cannot load it, it names a file outside of itself, or it is anything else than
                `features` float32 (n, f), and maybe `texts` (n, t), to `score` float32 (n,) or (n, k).
        """
        import onnxruntime

        if refers_outside(content):
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
        takes, texts = _check_signature(session)
        if width is not None and takes != width:
            raise RefusalError(f"the model takes {counted(takes, 'feature')}, {width} are named", where="ONNX model")
        return cls(session, takes, texts)

    def score(self, matrix: Matrix, texts: Texts | None = None) -> Scores:
        """Raw outputs, float32 of shape (n,) or (n, k), for features, float32 of shape (n, f), NaN where missing.

        Raises:
            ProjectError: it reads texts, and others or none are given.
        """
        if self.texts:
            return self._score_texts(matrix, texts)
        rows = len(matrix)
        if rows <= BATCH:
            scores: Scores = self._session.run(_OUTPUTS, {"features": matrix})[0]
            return scores
        parts = (matrix[start : start + BATCH] for start in range(0, rows, BATCH))
        return np.concatenate([self._session.run(_OUTPUTS, {"features": np.ascontiguousarray(p)})[0] for p in parts])

    def _score_texts(self, matrix: Matrix, texts: Texts | None) -> Scores:
        """Texts are lower-cased here: ONNX Runtime does so for ASCII alone."""
        if texts is None or texts.shape != (len(matrix), self.texts):
            found = "none" if texts is None else f"those of shape {texts.shape}"
            raise ProjectError(f"it reads {self.texts} texts a row, given are {found}", where="ONNX model")
        if not len(matrix):  # ONNX Runtime makes a wrong shape of no texts
            one = np.full((1, self.texts), "", dtype=np.object_)
            return self._score_texts(np.zeros((1, self.width), dtype=np.float32), one)[:0]
        parts = []
        for start in range(0, len(matrix), _BATCH_OF_TEXTS):
            rows = slice(start, start + _BATCH_OF_TEXTS)
            lowered = np.array([[each.lower() for each in row] for row in texts[rows]], dtype=np.object_)
            given = {"features": np.ascontiguousarray(matrix[rows]), "texts": lowered}
            parts.append(self._session.run(_OUTPUTS, given)[0])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


_BATCH_OF_TEXTS = 1_024
"""Each row of texts becomes thousands of numbers on its way."""
_OUTPUTS = ["score"]
_FEATURES, _TEXTS = ("features", "tensor(float)", 2), ("texts", "tensor(string)", 2)
_SCORES = ([("score", "tensor(float)", 1)], [("score", "tensor(float)", 2)])


def _check_signature(session: Any) -> tuple[int, int]:
    """How many features it takes, and how many texts."""
    inputs = [(each.name, each.type, len(each.shape)) for each in session.get_inputs()]
    outputs = [(each.name, each.type, len(each.shape)) for each in session.get_outputs()]
    if inputs not in ([_FEATURES], [_FEATURES, _TEXTS]) or outputs not in _SCORES:
        raise RefusalError(
            f"it maps {inputs} to {outputs}, not features (n, f) to score (n,) or (n, k), both float32",
            where="ONNX model",
        )
    features, *texts = (int(each.shape[1]) for each in session.get_inputs())
    return features, sum(texts)


class FormulaScorer:
    """Scores by an expression over features."""

    def __init__(
        self,
        expression: Expression,
        features: Sequence[str],
        *,
        missing: float = 0.0,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """Prepare an expression.

        Args:
            expression: Its value is the score.
            features: The names of a row's features, in order.
            missing: The score where the value is missing.
            low: Scores below it are set to it.
            high: Scores above it are set to it.

        Raises:
            ProjectError: it reads a feature that is not among `features`.
        """
        for name in sorted(columns(expression)):
            if name not in features:
                raise ProjectError.unknown_name("feature", name, features, where="Rule")
        from kreis.expressions.rows import compile_row

        self.width = len(features)
        self._places = {name: features.index(name) for name in sorted(columns(expression))}
        self._missing = missing
        self._ends = -math.inf if low is None else low, math.inf if high is None else high
        self._row = compile_row({"score": expression}, dict.fromkeys(self._places, "number"))

    def score(self, matrix: Matrix, texts: Texts | None = None) -> Scores:
        """Raw outputs, float32 of shape (n,), for features, float32 of shape (n, f); NaN is a missing value."""
        names, (low, high) = tuple(self._places), self._ends
        read = [matrix[:, place].tolist() for place in self._places.values()]
        scores = np.empty(len(matrix), dtype=np.float32)
        for at, row in enumerate(zip(*read, strict=True) if read else repeat((), len(matrix))):
            (value,) = self._row(dict(zip(names, row, strict=True)))
            within = min(max(value, low), high)
            scores[at] = within if -math.inf < within < math.inf else self._missing
        return scores
