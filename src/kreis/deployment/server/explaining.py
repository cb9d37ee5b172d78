"""Explanations: why a model in service says what it says, and what would have led to another decision.

Nothing is written down: an explanation is no prediction, and no decision rests on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from kreis.clock import microseconds
from kreis.deployment.explaining import Instead, check_immutable, instead_of, lacks_reasons, reasons_of
from kreis.deployment.predictions.log import PredictionLog
from kreis.deployment.predictions.records import Several
from kreis.deployment.server.answering import Serving, released
from kreis.deployment.server.messages import Asked, Refusal, Unavailable, Value
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.errors import KreisError, ProjectError
from kreis.models.explanations.reasons import Explained
from kreis.models.scoring import Matrix, Scores
from kreis.tasks.outcomes import Sent

__all__ = ["Explain", "Explaining", "Explanations"]

_LOG = logging.getLogger("kreis.service")
_AT_ONCE = 2
"""Explanations that are computed at once: one may take a second, and predictions come first."""
MOST_WAITING = 16
"""That are computed or wait; further ones are refused."""
MOST_IMMUTABLE = 1_000


class Explain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be explained: one thing, as for a prediction, or a prediction of this service."""

    keys: dict[str, str] = {}
    fields: dict[str, Value] = {}
    reference: str | None = None
    features: dict[str, float | None] = {}
    prediction: str | None = None
    """The id of an answer that this service gave; the rest is then left out."""
    most: int | None = None
    """Features that are shown; all, if not given."""
    counterfactual: bool = False
    """Whether to look for what would have led to another decision."""
    immutable: list[str] = []
    """Features, or fields, that stay as they are in that."""


class Explanations(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why one answer came out as it did."""

    model: str
    """Digest of the package."""
    version: int
    score: float
    """The model's raw output; where that is several numbers, the one that monitoring looks at."""
    decision: Sent
    explained: list[Explained]
    """Of the number of the raw output that was decided by; none where only a counterfactual can be had."""
    instead: Instead | None = None
    """What would have led to another decision, where that was asked for."""


class Explaining:
    """Answers with reasons."""

    def __init__(self, serving: Serving, log: PredictionLog) -> None:
        """Put together.

        Args:
            serving: Says which release answers.
            log: Finds what this service answered.
        """
        self._serving = serving
        self._log = log
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="explanations")
        self._under_way: set[Future[Explanations]] = set()

    async def explain(self, asked: Explain, at: datetime) -> Explanations:
        """Explain one answer, in a thread: predictions go on meanwhile.

        Raises:
            Refusal: it cannot be explained.
            Unavailable: nothing is released yet, the model cannot answer now, or too much is asked at once.
        """
        release = released(self._serving)
        if not isinstance(release, LoadedRelease):
            raise Refusal("asks_otherwise", "this release answers questions; kreis why shows what an answer rested on")
        if asked.most is not None and asked.most < 1:
            raise Refusal("wrong_shape", "most must be at least 1")
        if len(asked.immutable) > MOST_IMMUTABLE:
            raise Refusal("wrong_shape", f"immutable may name {MOST_IMMUTABLE:,} features")
        if asked.immutable and not asked.counterfactual:
            raise Refusal("wrong_shape", 'immutable is for a counterfactual: add "counterfactual": true')
        if len(self._under_way) >= MOST_WAITING:
            raise Unavailable("overloaded", "too many explanations are asked for at once; try again in a second")
        work = self._pool.submit(self._explain, asked, release, at)
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)  # not before, though its client has gone
        return await asyncio.wrap_future(work)

    def _explain(self, asked: Explain, release: LoadedRelease, at: datetime) -> Explanations:
        try:
            return self._told(asked, release, at)
        except (KreisError, OSError) as error:  # of what is kept to explain with, or of the log
            _LOG.error("an explanation could not be given: %s", error)
            raise Unavailable("unavailable", "the reasons cannot be told at the moment; try again") from error

    def _told(self, asked: Explain, release: LoadedRelease, at: datetime) -> Explanations:
        if asked.prediction is not None:
            return self._of_logged(asked, asked.prediction, release)
        row = Asked(asked.keys, asked.fields, asked.reference, asked.features)
        release.door.check(row)
        model = release.choose(row)
        try:
            values = model.values(row.keys, row.fields, row.features, microseconds(at))
            score = model.score_one(values, row.fields)
        except (TypeError, ValueError) as error:
            raise Refusal("wrong_type", str(error)[:300]) from error
        except KreisError as error:
            raise Unavailable("unavailable", "the model cannot answer at the moment; try again") from error
        return _told(model, values, row.fields, model.recorded(score), model.decide(score), asked)

    def _of_logged(self, asked: Explain, prediction: str, release: LoadedRelease) -> Explanations:
        if asked.keys or asked.fields or asked.features or asked.reference is not None:
            raise Refusal("ambiguous", "send either a prediction's id or what is asked about, not both")
        record = self._log.find(prediction)
        if record is None:
            hint = "it was answered elsewhere, or is in the lake by now: kreis why ID"
            raise Refusal("unknown_prediction", f"no prediction of this id is in this service's log; {hint}")
        model = release.models.get(record.model)
        if model is None:
            raise Refusal("not_in_service", "the model that answered is not in service any more: kreis why ID")
        values = [np.nan if each is None else each for each in record.features]
        return _told(model, values, record.fields, record.score, record.decision, asked)


def _told(
    model: LoadedModel,
    values: list[float],
    fields: Mapping[str, Any],
    score: float | Several,
    decision: bool | float,
    asked: Explain,
) -> Explanations:
    manifest, explainer = model.manifest, model.explainer
    try:
        check_immutable(manifest, asked.immutable)
    except ProjectError as error:
        raise Refusal("unknown_field", f"{error.where}: {error.message}; {error.hint}") from error
    if explainer is None and not asked.counterfactual:
        raise Refusal("not_explained", f"this model's answers are not explained: {lacks_reasons(manifest)}")
    explained: list[Explained] = []
    if explainer is not None:
        scores = score.all if isinstance(score, Several) else score
        explained = reasons_of(manifest, explainer, values, fields, score=scores, decision=decision, most=asked.most)
    number, said, _ = model.shown(score, decision)
    instead = None
    if asked.counterfactual:
        fixed = [*asked.immutable, *model.immutable]
        instead = instead_of(manifest, _scoring(model, fields), values, fields, fixed=fixed)
    return Explanations(model.digest, model.version, number, said, explained, instead)


def _scoring(model: LoadedModel, fields: Mapping[str, Any]) -> Callable[[Matrix], Scores]:
    """Rows with other features, and the texts of one request."""

    def score(matrix: Matrix) -> Scores:
        return np.array(model.score_many(matrix, [fields] * len(matrix)))

    return score
