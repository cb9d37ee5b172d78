"""Answers: choose the model, gather its features, score, decide, and note what it all rested on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter_ns
from typing import Any

import numpy as np

from kreis.clock import microseconds
from kreis.deployment.predictions.records import PredictionRecord, ShadowScore
from kreis.deployment.routing import unit_of
from kreis.deployment.server.messages import Ask, Asked, Refusal, Reply, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.errors import KreisError
from kreis.identifiers import new_id
from kreis.tasks.decisions import Raw

__all__ = ["Answer", "answer_many", "answer_one"]

_LOG = logging.getLogger("kreis.service")
Row = Ask | Asked
Answer = tuple[Reply, PredictionRecord]
_NOTHING: dict[str, float | None] = {}


def answer_one(
    row: Row, release: LoadedRelease, at: datetime, metrics: Metrics, started: int, flags: list[str]
) -> Answer:
    """Answer one checked row.

    Args:
        row: What was asked.
        release: What answers.
        at: The moment.
        metrics: Counts fallbacks and failed shadows.
        started: The request's arrival by `perf_counter_ns`.
        flags: What the door found unusual.

    Raises:
        Refusal: a field of the wrong type.
        Unavailable: neither the model nor the fallback can answer.
    """
    at_us = microseconds(at)
    model = release.only
    if model is None:
        model = release.models[release.router.choose(unit_of(row.reference, row.keys, row.fields))]
    fallback = False
    try:
        values = model.values(row.keys, row.fields, row.features, at_us)
        score = model.score_one(values, row.fields)
    except (TypeError, ValueError) as error:
        raise Refusal("wrong_type", str(error)[:300]) from error
    except Exception as error:
        model, values, score = _fall_back(row, release, at_us, model, error)
        fallback = True
        metrics.fallbacks += 1
    shadow = _shadow_scores(row, release, at_us, metrics) if release.shadows else []
    return _answer(row, release, model, at, at_us, values, score, shadow, fallback, started, flags)


def _fall_back(
    row: Row, release: LoadedRelease, at_us: int, failed: LoadedModel, error: Exception
) -> tuple[LoadedModel, list[float], Raw]:
    fallback = release.fallback
    _LOG.error("model %s cannot answer: %s", failed.digest[:12], error, exc_info=not isinstance(error, KreisError))
    if fallback is not None:
        for stored in (True, False):
            try:
                values = fallback.values(row.keys, row.fields, row.features, at_us, stored=stored)
                return fallback, values, fallback.score_one(values, row.fields)
            except Exception as another:
                _LOG.error("fallback %s cannot answer either: %s", fallback.digest[:12], another)
    raise Unavailable("unavailable", "no model can answer at the moment; try again") from error


def _shadow_scores(row: Row, release: LoadedRelease, at_us: int, metrics: Metrics) -> list[ShadowScore]:
    scores = []
    for model in release.shadows:
        try:
            score = model.score_one(model.values(row.keys, row.fields, row.features, at_us), row.fields)
        except Exception as error:
            metrics.shadow_failures += 1
            _LOG.warning("shadow %s cannot answer: %s", model.digest[:12], error)
            continue
        scores.append(ShadowScore(model.digest, model.recorded(score), model.decide(score)))
    return scores


def _answer(
    row: Row,
    release: LoadedRelease,
    model: LoadedModel,
    at: datetime,
    at_us: int,
    values: list[float],
    score: Raw,
    shadow: list[ShadowScore],
    fallback: bool,
    started: int,
    flags: list[str],
) -> Answer:
    identifier = new_id(at_us)
    decision = model.decide(score)
    digest = model.digest
    logged: Any = score
    if model.as_it_is:
        reply = Reply(identifier, logged, decision, digest, model.version, release.id, at, fallback, flags)
    else:
        logged = model.recorded(score)
        number, said, named = model.shown(logged, decision)
        reply = Reply(identifier, number, said, digest, model.version, release.id, at, fallback, flags, named)
    record = PredictionRecord(
        id=identifier,
        at=at_us,
        release=release.id,
        model=digest,
        keys=row.keys,
        fields=row.fields,
        features=[None if value != value else value for value in values],
        score=logged,
        decision=decision,
        latency_us=(perf_counter_ns() - started) // 1000,
        reference=row.reference,
        shadow=shadow,
        extra=release.extra(model, row, at_us) if release.extras else _NOTHING,
        flags=flags,
    )
    return reply, record


def answer_many(
    rows: Sequence[Row],
    release: LoadedRelease,
    at: datetime,
    metrics: Metrics,
    started: int,
    flags: Sequence[list[str]],
) -> list[Answer]:
    """Answer checked rows, all of one release, each model's rows in one batch; else as `answer_one`.

    Raises:
        Refusal: as `answer_one`; then none of them is answered.
    """
    at_us = microseconds(at)
    chosen = [
        release.only or release.models[release.router.choose(unit_of(row.reference, row.keys, row.fields))]
        for row in rows
    ]
    answers: list[Answer | None] = [None] * len(rows)
    for model in dict.fromkeys(chosen):
        places = [place for place, each in enumerate(chosen) if each is model]
        try:
            values = [model.values(rows[p].keys, rows[p].fields, rows[p].features, at_us) for p in places]
            scores = model.score_many(np.array(values, dtype=np.float32), [rows[p].fields for p in places])
        except Exception:
            # One row spoils the batch: row by row, each gets its own answer, fallback or refusal.
            for place in places:
                answers[place] = answer_one(rows[place], release, at, metrics, started, flags[place])
            continue
        for place, row_values, score in zip(places, values, scores, strict=True):
            row = rows[place]
            shadow = _shadow_scores(row, release, at_us, metrics) if release.shadows else []
            answers[place] = _answer(
                row, release, model, at, at_us, row_values, score, shadow, False, started, flags[place]
            )
    return [each for each in answers if each is not None]
