"""Train one candidate: choose its parameters and its threshold on the validation tail, refit, describe the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.clock import moment
from kreis.expressions.tree import Expression
from kreis.models.scoring import OnnxScorer, RuleScorer, Scorer
from kreis.tasks.decision_value import DecisionValue
from kreis.training.candidate import Candidate, Fitted
from kreis.training.data import TrainingData
from kreis.training.importance import Importance, permutation_importance
from kreis.training.loss import log_loss
from kreis.training.reference import Histogram, histogram, reference_histograms
from kreis.training.search import Search
from kreis.training.splits import Split
from kreis.training.threshold import Threshold, choose_threshold

__all__ = ["Progress", "TrainedCandidate", "train"]

Progress = Callable[[str, int, int], None]
"""Told what is being done ("search", "fit", "refit"), how many are done, of how many."""


class TrainedCandidate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A candidate as data, with all that evaluation and a package need to know of how it came about."""

    name: str
    kind: Literal["onnx", "rule"]
    onnx: bytes | None
    rule: Expression | None
    features: tuple[str, ...]
    threshold: float
    """Decide positively where score >= threshold."""
    training: dict[str, Any]
    """Rows, times, seed, parameters, trials, and where the threshold comes from; a JSON document."""
    reference: dict[str, Histogram]
    score_reference: Histogram | None = None
    """How the scores were distributed on the validation tail, which the model had not seen."""
    validation: dict[str, float]
    """On the validation tail, before the refit: rows, positives, decided, value (in the metric's unit), log_loss."""
    importance: list[Importance] = []
    """What each feature is worth, on rows of the validation tail, before the refit."""

    def scorer(self, *, threads: int = 1) -> Scorer:
        """What turns features into scores, the same as in the service."""
        if self.onnx is not None:
            return OnnxScorer.from_onnx(self.onnx, threads=threads)
        if self.rule is None:
            raise ValueError(f"candidate {self.name!r} holds neither a model nor a rule")
        return RuleScorer(self.rule, self.features)

    def to_document(self) -> dict[str, Any]:
        """Everything but the ONNX bytes, as a JSON document; the bytes are kept by their digest."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        del document["onnx"]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any], onnx: bytes | None) -> TrainedCandidate:
        """The inverse of `to_document`."""
        return msgspec.structs.replace(msgspec.convert({**document, "onnx": None}, type=cls), onnx=onnx)


def train(
    candidate: Candidate,
    data: TrainingData,
    *,
    name: str,
    split: Split,
    metric: DecisionValue,
    seed: int = 0,
    threads: int = 1,
    search: Search | None = None,
    refit: bool = True,
    on_progress: Progress | None = None,
) -> TrainedCandidate:
    """Train a candidate on the train part of a split; the test part is not touched.

    It is fitted on `split.fit`, its threshold is chosen on the scores of `split.validation`, and then it is fitted
    again on all of `split.train` with the same parameters: of a world that drifts, the newest rows teach most. The
    same arguments give the same bytes on the same machine.

    Raises:
        ProjectError: it cannot learn from these rows or cannot become data.
    """
    tell = on_progress or (lambda stage, done, total: None)
    fit, validation = data.take(split.fit), data.take(split.validation)
    trials: list[dict[str, Any]] = []
    if search is not None:
        found = search.run(candidate, fit, validation, metric=metric, seed=seed, threads=threads, on_progress=tell)
        candidate, fitted, trials = found.candidate, found.fitted, found.trials
    else:
        tell("fit", 0, 1)
        fitted = _fit(candidate, fit, seed, threads)
    scores = fitted.scorer(threads=threads).score(validation.matrix)
    threshold = _threshold(fitted, scores, validation, metric)
    importance = permutation_importance(
        fitted.scorer(threads=threads),
        validation,
        threshold=threshold.value,
        metric=metric,
        seed=seed,
        gain=fitted.gain,
    )
    rows = data.take(split.train)
    if refit and fitted.kind == "onnx":
        tell("refit", 0, 1)
        fitted = _fit(candidate, rows, seed, threads)
    chosen = {"seed": seed, "threads": threads, "refit": refit, "parameters": candidate.parameters()}
    chosen |= {"trials": trials} if trials else {}
    return TrainedCandidate(
        name=name,
        kind=fitted.kind,
        onnx=fitted.onnx,
        rule=fitted.rule,
        features=data.features,
        threshold=threshold.value,
        training={**_described(rows, split), **chosen, "threshold": msgspec.to_builtins(threshold)},
        reference=reference_histograms(rows.matrix, data.features, times=rows.time),
        score_reference=histogram(scores, times=validation.time),
        validation=_judged(scores, validation, threshold.value, metric),
        importance=importance,
    )


def _fit(candidate: Candidate, rows: TrainingData, seed: int, threads: int) -> Fitted:
    return candidate.fit(rows.matrix, rows.outcomes, rows.features, seed=seed, threads=threads)


def _threshold(
    fitted: Fitted, scores: npt.NDArray[np.float32], validation: TrainingData, metric: DecisionValue
) -> Threshold:
    if fitted.kind == "rule":
        return Threshold(value=0.5, source="rule")
    return choose_threshold(scores, validation.outcomes, metric)


def _judged(
    scores: npt.NDArray[np.float32], rows: TrainingData, threshold: float, metric: DecisionValue
) -> dict[str, float]:
    decided = scores >= threshold
    return {
        "rows": float(len(rows)),
        "positives": float(rows.outcomes.sum()),
        "decided": float(decided.sum()),
        "value": float(metric.values(rows.outcomes, decided).mean() * metric.per),
        "log_loss": log_loss(scores, rows.outcomes),
    }


def _described(rows: TrainingData, split: Split) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "positives": int(rows.outcomes.sum()),
        "from": moment(int(rows.time.min())).isoformat(),
        "until": moment(int(rows.time.max())).isoformat(),
        "fit_rows": len(split.fit),
        "validation_rows": len(split.validation),
        "validation_start": moment(split.validation_start).isoformat(),
        "cut_off": moment(split.train_end).isoformat(),
    }
