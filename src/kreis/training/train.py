"""Train one candidate: choose its parameters and its threshold on the validation part, refit, describe the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.clock import moment
from kreis.compute.threads import Threads
from kreis.generative.pipeline import Pipeline
from kreis.models.by_group import ByGroup
from kreis.models.calibration_map import is_line
from kreis.models.explanations.explainer import Explanation
from kreis.models.form import Form, old_form
from kreis.models.scoring import Scorer
from kreis.tasks.decisions import Cut, Decision, Scores
from kreis.tasks.task import FittedDecision, Task
from kreis.tracking.here import part
from kreis.training.candidate import Candidate, Fitted
from kreis.training.data import TrainingData
from kreis.training.explaining.proof import adds_up
from kreis.training.importance import Importance, permutation_importance
from kreis.training.kept_scores import KeptScores
from kreis.training.mitigations.thresholds_by_group import ThresholdsByGroup, moved_by_group
from kreis.training.preprocessing import PLAIN, Preprocessing, fit_candidate
from kreis.training.recalibration import Calibrate, Recalibrated, recalibrate
from kreis.training.reference import Histogram, histogram, reference_histograms
from kreis.training.search import Search
from kreis.training.searching import SearchPlace, run_search
from kreis.training.splits.split import Split
from kreis.training.temperature import made_true

__all__ = ["FoldModel", "Progress", "TrainedCandidate", "train"]

MOST_BLOCKS = 200
"""So many sums tell the error of a mean to 5%, and are few enough to be kept in the record."""
_DAY_MICROSECONDS = 86_400_000_000

Progress = Callable[[str, int, int], None]
"""Told what is being done ("search", "fit", "refit"), how many are done, of how many."""


class FoldModel(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned in one fold of a cross-validation, by which the fold's test rows are judged."""

    form: Form
    decision: Decision
    value: float
    """The business metric on the fold's own validation rows: it chooses among candidates within the fold."""
    validation_blocks: list[tuple[float, int]] = []
    """As of a candidate, of these rows."""


class TrainedCandidate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A candidate as data, with all that evaluation and a package need to know of how it came about."""

    name: str
    form: Form | Pipeline
    features: tuple[str, ...]
    decision: Decision
    """How a score becomes a decision."""
    training: dict[str, Any]
    """Rows, times, seed, parameters, trials, and where the decision rule comes from; a JSON document."""
    reference: dict[str, Histogram]
    score_reference: Histogram | None = None
    """How the scores were distributed on the validation part, which the model had not seen."""
    validation: dict[str, float]
    """On the validation part, before the refit: `Task.validated`."""
    categories: dict[str, list[str]] = {}
    """Of each category feature the texts that it knows, in the order in which it takes them."""
    texts: dict[str, str] = {}
    """Of the features that are read as texts the field of a request, in the order in which the model takes them."""
    importance: list[Importance] = []
    """What each feature is worth, on rows of the validation part, before the refit."""
    validation_blocks: list[tuple[float, int]] = []
    """Per block of the validation part the sum of what the decisions were worth, and the rows: with another
    candidate's, how sure the difference of the two is."""
    folds: list[FoldModel] = []
    """Of a cross-validation, in the order of `Split.folds`."""
    explanation: Explanation | None = None
    """What each feature adds to its scores can be told from it; None where the model is no sum."""
    validation_scores: KeptScores | None = None
    """Raw outputs for the rows of `Split.validation`, by what had learned from `Split.fit` alone; None where an earlier
    version trained it.
    """

    def scorer(self, *, threads: int = 1) -> Scorer:
        """What turns features into scores, the same as in the service."""
        return self.form.scorer(self.features, threads=threads)

    def to_document(self) -> dict[str, Any]:
        """As a JSON document, without the model's bytes."""
        document: dict[str, Any] = msgspec.to_builtins(self.stored)
        for name in ("folds", "explanation"):
            if not document[name]:  # later fields: unsaid, they change no document
                del document[name]
        return document

    @property
    def stored(self) -> TrainedCandidate:
        """As a document has it: without the bytes of its models."""
        folds = [msgspec.structs.replace(each, form=each.form.stored) for each in self.folds]
        explanation = None if self.explanation is None else self.explanation.stored
        scores = None if self.validation_scores is None else self.validation_scores.stored
        kept = {"explanation": explanation, "validation_scores": scores}
        return msgspec.structs.replace(self, form=self.form.stored, folds=folds, **kept)

    @property
    def contents(self) -> list[bytes]:
        """The bytes that a document of it names."""
        named = [self.form, *(fold.form for fold in self.folds), self.explanation, self.validation_scores]
        return [each.content for each in named if each is not None and each.content is not None]

    def opened(self, get: Callable[[str], bytes]) -> TrainedCandidate:
        """Ready to score; `get` gives the bytes of a digest."""
        folds = [msgspec.structs.replace(each, form=each.form.opened(get)) for each in self.folds]
        explanation = None if self.explanation is None else self.explanation.opened(get)
        scores = None if self.validation_scores is None else self.validation_scores.opened(get)
        kept = {"explanation": explanation, "validation_scores": scores}
        return msgspec.structs.replace(self, form=self.form.opened(get), folds=folds, **kept)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TrainedCandidate:
        """The inverse of `to_document`; takes documents of versions before 0.2 too."""
        if "form" in document:
            return msgspec.convert(document, type=cls)
        kept = {name: each for name, each in document.items() if name not in ("kind", "onnx", "rule", "threshold")}
        form = old_form(document["rule"], document["onnx"])
        decision = {"rule": "cut", "at": document["threshold"]}
        return msgspec.convert({**kept, "form": form, "decision": decision}, type=cls)


def train(
    candidate: Candidate,
    data: TrainingData,
    *,
    name: str,
    split: Split,
    task: Task,
    seed: int = 0,
    threads: int = 1,
    search: Search | None = None,
    place: SearchPlace | None = None,
    refit: bool = True,
    preprocessing: Preprocessing = PLAIN,
    on_progress: Progress | None = None,
) -> TrainedCandidate:
    """Train a candidate on the train part of a split; the test part is not touched.

    It is fitted on `split.fit`, its decision rule is chosen on the scores of `split.validation`, and then it is fitted
    again on all of `split.train` with the same parameters: of a world that drifts, the newest rows teach most. The
    same arguments give the same bytes on the same machine.

    In a cross-validation the same is done within each fold too.

    Args:
        candidate: what learns.
        data: the rows, with their times and outcomes.
        name: of the candidate.
        split: which rows teach, validate and test.
        task: what kind of question is asked.
        seed: of every random choice.
        threads: of the trainer; some trainers' results depend on it.
        search: for the candidate's parameters.
        place: where the trials of the search run and are kept; threads of this process, and nowhere, if not given.
        refit: whether to fit again on all that may teach.
        preprocessing: how it is given its rows, as far as the user says.
        on_progress: told the stage, and how much of it is done.

    Raises:
        ProjectError: it cannot learn from these rows or cannot become data.
    """
    learner = _Learner(
        data=data,
        task=task,
        seed=seed,
        threads=threads,
        search=search,
        place=place or SearchPlace(pool=Threads()),
        refit=refit,
        preprocessing=preprocessing,
        tell=on_progress or (lambda stage, done, total: None),
    )
    return learner.trained(candidate, split, name)


def _explanation(fitted: Fitted, rows: TrainingData, found: FittedDecision) -> Explanation | None:
    """It as a sum, where what that says is what the model says, before its probability is made truer."""
    additive, truer = fitted.additive, found.calibration
    behind = None if isinstance(truer, msgspec.UnsetType) or is_line(truer) else truer
    if additive is None or not adds_up(additive, fitted.scorer(), rows.matrix, rows.texts, behind):
        return None
    return Explanation.of(additive)


@dataclass(frozen=True)
class _Learned:
    """What came of a candidate on a split."""

    candidate: Candidate
    """With the parameters that were found."""
    first: Fitted
    """On the fit part."""
    scores: Scores
    """Its scores of the validation rows."""
    found: FittedDecision
    fitted: Fitted
    """On all that may teach."""
    trials: list[dict[str, Any]]
    by_group: ByGroup | None = None
    """Thresholds of groups, where these were asked for."""


@dataclass(frozen=True, kw_only=True)
class _Learner:
    """Fits, chooses parameters and decision on the validation rows, and fits again on all that may teach."""

    data: TrainingData
    task: Task
    seed: int
    threads: int
    search: Search | None
    place: SearchPlace
    refit: bool
    preprocessing: Preprocessing
    tell: Progress

    def trained(self, candidate: Candidate, split: Split, name: str) -> TrainedCandidate:
        """A candidate learned on a split, with all that is kept of it."""
        data, task = self.data, self.task
        learned = self.learn(candidate, split)
        found, validation, rows = learned.found, data.take(split.validation), data.take(split.train)
        rule = found.decision.among(validation.groups)
        importance = permutation_importance(
            learned.first.scorer(threads=self.threads),
            validation,
            decision=found.decision,
            metric=task.metric,
            seed=self.seed,
            gain=learned.first.gain,
        )
        return TrainedCandidate(
            name=name,
            form=learned.fitted.form,
            features=data.features,
            decision=found.decision,
            training={**_described(rows, split, task), **self.chosen(learned)},
            reference=reference_histograms(rows.matrix, data.features, times=rows.time),
            score_reference=histogram(found.decision.kept(learned.scores), times=validation.time),
            validation={**task.validated(learned.scores, validation.outcomes, rule), **learned.first.found},
            categories={
                feature: [data.categories[feature].get(number, "?") for number in order]
                for feature, order in learned.fitted.orders.items()
            },
            texts=dict(data.text_fields),
            importance=importance,
            validation_blocks=_by_block(validation, rule.many(learned.scores), split, task),
            folds=self.folds(candidate, split),
            explanation=_explanation(learned.fitted, rows, found),
            validation_scores=KeptScores.of(learned.scores),
        )

    def learn(self, candidate: Candidate, split: Split, of: str = "") -> _Learned:
        """On one split; `of` names it among several."""
        fit, validation = self.data.take(split.fit), self.data.take(split.validation)
        candidate, first, trials = self._first(candidate, fit, validation, of)
        scores = first.scorer(threads=self.threads).score(validation.matrix, validation.texts)
        mapped = self._recalibrated(first, scores, validation, split)
        found = _decision(first, scores if mapped is None else mapped.scores, validation, self.task)
        found = _as_asked(found, mapped, self.preprocessing.calibrate)
        mitigate, by_group = self.preprocessing.mitigate, None
        if isinstance(mitigate, ThresholdsByGroup):
            by_group = mitigate.found(scores, validation, self.task, found)
            found = FittedDecision(decision=Cut(by_group.cut), source="validation")

        def finished(fitted: Fitted) -> Fitted:
            truer = made_true(fitted, found, validation)
            return truer if by_group is None else moved_by_group(truer, by_group, validation)

        truer = finished(first)
        if truer is not first:
            first = truer
            scores = first.scorer(threads=self.threads).score(validation.matrix, validation.texts)
        if mapped is not None:  # each row's by what the others say: by these the rule was chosen
            scores = mapped.scores
        fitted = first
        if self.refit and not first.written:
            self.tell("refit", 0, 1)
            with part("refit"):
                fitted = finished(self._fit(candidate, self.data.take(split.train)))
        return _Learned(candidate, first, scores, found, fitted, trials, by_group)

    def _first(
        self, candidate: Candidate, fit: TrainingData, validation: TrainingData, of: str
    ) -> tuple[Candidate, Fitted, list[dict[str, Any]]]:
        """The candidate with the parameters that are found, fitted, and the trials that found them."""
        if self.search is None:
            self.tell("fit", 0, 1)
            with part("fit"):
                return candidate, self._fit(candidate, fit), []
        searched = run_search(
            self.search,
            candidate,
            fit,
            validation,
            task=self.task,
            seed=self.seed,
            threads=self.threads,
            place=self.place,
            of=of,
            on_progress=self.tell,
            preprocessing=self.preprocessing,
        )
        return searched.candidate, searched.fitted, searched.trials

    def chosen(self, learned: _Learned) -> dict[str, Any]:
        """What it was made with, and what was found."""
        chosen: dict[str, Any] = {"seed": self.seed, "threads": self.threads, "refit": self.refit}
        chosen |= {"parameters": learned.candidate.parameters(), **self.preprocessing.parameters}
        chosen |= {"trials": learned.trials} if learned.trials else {}
        chosen |= {} if learned.by_group is None else {"thresholds_by_group": msgspec.to_builtins(learned.by_group)}
        return {**chosen, "decision": msgspec.to_builtins(learned.found)}

    def _recalibrated(
        self, first: Fitted, scores: Scores, validation: TrainingData, split: Split
    ) -> Recalibrated | None:
        """What makes probabilities of yes truer; None where nothing does, or nobody asks."""
        asked = self.preprocessing.calibrate
        happened = self.task.labels(validation.outcomes)
        if asked in (None, "none") or first.written or scores.ndim > 1 or happened.dtype != np.bool_:
            return None
        blocks = validation.time // _DAY_MICROSECONDS if split.validation_blocks is None else split.validation_blocks
        found = recalibrate(asked, scores, happened, blocks)
        return None if found.map is None else found

    def folds(self, candidate: Candidate, split: Split) -> list[FoldModel]:
        """In each fold of a cross-validation, from the candidate as declared."""
        models = []
        for number, fold in enumerate(split.folds):
            self.tell("fold", number, len(split.folds))
            with part(f"fold {number + 1}"):
                learned = replace(self, tell=lambda stage, done, total: None).learn(
                    candidate, fold, f"fold {number + 1}"
                )
            validation = self.data.take(fold.validation)
            rule = learned.found.decision.among(validation.groups)
            validated = self.task.validated(learned.scores, validation.outcomes, rule)
            model = FoldModel(
                form=learned.fitted.form,
                decision=learned.found.decision,
                value=validated["value"],
                validation_blocks=_by_block(validation, rule.many(learned.scores), fold, self.task),
            )
            models.append(model)
        return models

    def _fit(self, candidate: Candidate, rows: TrainingData) -> Fitted:
        return fit_candidate(
            candidate, rows, self.task, seed=self.seed, threads=self.threads, preprocessing=self.preprocessing
        )


def _by_block(rows: TrainingData, decisions: Floats | Booleans, split: Split, task: Task) -> list[tuple[float, int]]:
    """The sum of the decisions' values in each block, and its rows; of very many blocks, of neighbours together."""
    blocks = rows.time // _DAY_MICROSECONDS if split.validation_blocks is None else split.validation_blocks
    known = ~np.isnan(rows.outcomes)
    values = task.metric.values(rows.outcomes[known], decisions[known]) * task.metric.per
    _, codes = np.unique(blocks[known], return_inverse=True)
    count = int(codes.max(initial=-1)) + 1
    if count > MOST_BLOCKS:
        codes = codes * MOST_BLOCKS // count
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes)
    return [(float(total), int(each)) for total, each in zip(sums, counts, strict=True)]


def _as_asked(found: FittedDecision, mapped: Recalibrated | None, calibrate: Calibrate | None) -> FittedDecision:
    """A rule with what makes probabilities truer, as the user asks."""
    if calibrate == "none":
        return msgspec.structs.replace(found, temperature=msgspec.UNSET)
    if mapped is None or mapped.map is None:
        return found
    return msgspec.structs.replace(
        found,
        calibration=mapped.map,
        calibrated_by=mapped.method,
        calibration_gain=mapped.gain,
        calibration_error=mapped.error,
    )


def _decision(fitted: Fitted, scores: Scores, validation: TrainingData, task: Task) -> FittedDecision:
    if fitted.written:
        return FittedDecision(decision=task.rule_decision, source="rule")
    return task.fit_decision(scores, validation.outcomes)


def _described(rows: TrainingData, split: Split, task: Task) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "outcomes": task.describe(rows.outcomes),
        **_times(rows, split, "from", "until"),
        "fit_rows": len(split.fit),
        "validation_rows": len(split.validation),
        **_times(rows, split, "validation_start", "cut_off"),
    }


def _times(rows: TrainingData, split: Split, *names: str) -> dict[str, str]:
    """Some of the moments that bound the rows; none where the split is none in time."""
    if split.validation_start is None or split.train_end is None:
        return {}
    found = {"validation_start": split.validation_start, "cut_off": split.train_end}
    found |= {"from": int(rows.time.min()), "until": int(rows.time.max())}
    return {name: moment(found[name]).isoformat() for name in names}
