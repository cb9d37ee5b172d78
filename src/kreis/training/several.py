"""Several numbers from candidates that give one: a model for each, or the spread of its errors, in one ONNX graph.

A task asks for several numbers where it has labels of which a row may carry any, or quantiles. What learns one of them
learns all, one after the other ("one-vs-rest" of labels); no candidate has to know of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.models.explanations.additive import NEVER, Additive
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.training.candidate import Candidate, Fitted, Matrix, Outcomes, require
from kreis.training.encoders.encoder import ColumnKind
from kreis.training.fidelity import prove_same

__all__ = ["fit_outputs"]

_HELD = 5
"""Every fifth row is left out to see how far a model is off on rows that it does not know."""
Fit = Callable[..., Fitted]


def fit_outputs(
    candidate: Candidate, matrix: Matrix, labels: Outcomes, features: Sequence[str], *, loss: Loss, **options: Any
) -> Fitted:
    """Fit a candidate for all numbers that the loss asks for.

    Args:
        candidate: What learns.
        matrix: As for `Candidate.fit`.
        labels: As for `Candidate.fit`; booleans of shape (n, k) for k labels.
        features: The names of the columns.
        loss: What is minimised; `outputs` says how many numbers a row is given.
        options: What else `Candidate.fit` takes.

    Raises:
        ProjectError: as for `Candidate.fit`.
    """

    weights: Floats | None = options.pop("weights", None)
    kinds: Sequence[ColumnKind] = options.get("kinds", ())

    def fit(rows: Matrix, outcomes: Outcomes, one: Loss, held: Booleans | None = None) -> Fitted:
        weighed: dict[str, Any] = {} if weights is None else {"weights": weights if held is None else weights[~held]}
        return candidate.fit(rows, outcomes, features, loss=one, **options, **weighed)

    if loss.outputs == 1 or loss.name == "softmax" or getattr(candidate, "several", False):
        return fit(matrix, labels, loss)
    if loss.name == "log":
        return _together([_fit_label(fit, matrix, column) for column in labels.T], matrix, kinds)
    if getattr(candidate, "quantiles", False):
        parts = [fit(matrix, labels, Loss("quantile", level)) for level in loss.levels]
        return _together(parts, matrix, kinds, ascending=True)
    return _with_spread(fit, matrix, labels, loss, kinds)


def _fit_label(fit: Fit, matrix: Matrix, carries: Outcomes) -> Fitted:
    """A model of one label; of one that all rows carry, or none, its frequency."""
    if carries.all() or not carries.any():
        from kreis.training.graph import constant_score

        share = float(carries.mean())
        form = Onnx.of(constant_score([share], matrix.shape[1]))
        return Fitted(
            form=form, features=(), explains=partial(Additive.constant, (2 * share - 1) * -NEVER, link="sigmoid")
        )
    return fit(matrix, carries, Loss("log"))


def _together(
    parts: Sequence[Fitted], matrix: Matrix, kinds: Sequence[ColumnKind], *, ascending: bool = False
) -> Fitted:
    """Models side by side in one graph; quantiles, learned apart, are put in order, so that none crosses another
    (Chernozhukov, Fernández-Val and Galichon 2010).
    """
    from kreis.training.graph import side_by_side

    contents = [_content(part) for part in parts]
    content = side_by_side(contents, matrix.shape[1], ascending=ascending)
    names = next(part.features for part in parts if part.features)
    scorers = [dataclasses.replace(part, features=names).scorer() for part in parts]

    def native(rows: Matrix) -> Any:
        scores = np.stack([scorer.score(rows).reshape(len(rows)) for scorer in scorers], axis=1)
        return np.sort(scores, axis=1) if ascending else scores

    prove_same(content, native, matrix, where="several outputs", kinds=kinds)
    gains = [part.gain for part in parts if part.gain is not None]
    gain = {name: float(np.mean([each[name] for each in gains])) for name in names} if gains else None
    explains = partial(_sums_together, parts, ascending)
    return Fitted(form=Onnx.of(content), features=names, gain=gain, explains=explains)


def _sums_together(parts: Sequence[Fitted], ascending: bool) -> Additive | None:
    sums = [each for each in (part.additive for part in parts) if each is not None]
    return Additive.together(sums, ascending=ascending) if len(sums) == len(parts) else None


def _with_spread(fit: Fit, matrix: Matrix, outcomes: Outcomes, loss: Loss, kinds: Sequence[ColumnKind]) -> Fitted:
    """A model of one number, and around it the quantiles of what it was off by on rows that it did not know (Lei et al.
    2018, split conformal prediction): as wide for every row.
    """
    from kreis.training.graph import spread_around

    held, one = np.arange(len(matrix)) % _HELD == _HELD - 1, Loss(loss.name, loss.level)
    known = fit(matrix[~held], outcomes[~held], one, held)
    apart = outcomes[held] - known.scorer().score(matrix[held])
    fitted = fit(matrix, outcomes, one)
    offsets = np.quantile(apart, loss.levels)
    content, scorer = spread_around(_content(fitted), offsets.tolist(), matrix.shape[1]), fitted.scorer()
    prove_same(
        content, lambda rows: scorer.score(rows)[:, None] + offsets, matrix, where="several outputs", kinds=kinds
    )
    return fitted.then(Onnx.of(content), Additive.around, offsets)


def _content(fitted: Fitted) -> bytes:
    content = fitted.form.content
    require(content is not None, "it does not become ONNX, so it gives one number", where="several outputs")
    return content or b""
