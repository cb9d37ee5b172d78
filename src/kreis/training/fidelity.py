"""Proof, at the end of each training, that the ONNX bytes score as the native model does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.models.scoring import OnnxScorer, Texts
from kreis.training.candidate import Matrix
from kreis.training.encoders.encoder import ColumnKind

__all__ = ["prove_same"]

TOLERANCE = 1e-5
"""Largest difference between a native and a converted score that counts as equal: of scores beyond 1, relative to the
largest."""
CHECKED = 2_000
"""Training rows on which the two are compared, besides the probes."""
PROBED = 64
"""Features that are left out, one at a time, to see what a missing value does."""

_IMPUTE = "put an imputer first: Estimator(make_pipeline(SimpleImputer(), ...))"
_REPORT = "report it to the converter's project; use GradientBoosting or Logistic meanwhile"


def prove_same(
    content: bytes,
    native: Callable[..., npt.NDArray[Any]],
    matrix: Matrix,
    *,
    where: str,
    excused: float = 0.0,
    texts: Texts | None = None,
    kinds: Sequence[ColumnKind] = (),
) -> None:
    """Compare scores on training rows, and on rows with one feature missing, all missing, and all zero.

    Args:
        content: the ONNX bytes.
        native: float32 rows of shape (n, f), and their texts where there are some, to scores of shape (n,) or (n, k);
            may raise ValueError for missing values.
        matrix: the training rows, shape (n, f).
        where: what is trained, for messages.
        excused: share of the rows that may differ. A converted tree compares in float32 where the native one may
            compare in double, so a row within a rounding of a threshold can take the other branch.
        texts: what the features of the rows say that are read as texts, shape (n, t).
        kinds: what each feature is, if not all are numbers: 0 and 1, and weights of words, are never missing.

    Raises:
        ProjectError: the scores differ by more than 1e-5, or there is none when a feature is missing.
    """
    scorer = OnnxScorer.from_onnx(content)
    chosen = np.linspace(0, len(matrix) - 1, min(len(matrix), CHECKED)).astype(np.intp)
    rows, said = matrix[chosen], () if texts is None else (texts[chosen],)
    probes = _probes(rows, kinds)
    mute = () if texts is None else (np.full((len(probes), texts.shape[1]), "", dtype=np.object_),)
    if not np.isfinite(scorer.score(probes, *mute)).all():
        raise ProjectError(
            "it gives no score when a feature is missing",
            where=where,
            hint=_IMPUTE,
        )
    for given, words in ((rows, said), (probes, mute)):
        try:
            expected = native(given, *words)
        except ValueError:
            # It refuses missing values where its converted form scores them: nothing to compare.
            continue
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        given_scores = scorer.score(given, *words)
        if given_scores.shape != expected.shape:
            message = f"it gives scores of shape {given_scores.shape} as ONNX, and {expected.shape} natively"
            raise ProjectError(message, where=where, hint=_REPORT)
        differs = ~(np.abs(expected - given_scores) <= TOLERANCE * scale).reshape(len(given), -1).all(axis=1)
        apart = int(np.count_nonzero(differs))
        if apart > (max(1.0, excused * len(given)) if excused else 0):
            only_missing = bool(np.isnan(given[differs]).any(axis=1).all())
            raise ProjectError(
                f"it gives other scores as ONNX in {apart} of {len(given)} rows"
                + (", all with a missing value" if only_missing else ""),
                where=where,
                hint=_IMPUTE if only_missing else _REPORT,
            )


def _probes(rows: Matrix, kinds: Sequence[ColumnKind]) -> Matrix:
    missing = [place for place in range(rows.shape[1]) if not kinds or kinds[place] in ("number", "category")]
    probes = np.repeat(rows[:1], min(len(missing), PROBED) + 2, axis=0)
    for row, place in enumerate(missing[:PROBED]):
        probes[row, place] = np.nan
    probes[-2, missing], probes[-1] = np.nan, 0.0
    return probes
