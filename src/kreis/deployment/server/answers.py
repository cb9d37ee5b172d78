"""Answers: choose the model, gather its features, score, decide, and note what it all rested on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter_ns
from typing import Any

import numpy as np
from msgspec import UNSET

from kreis.clock import microseconds
from kreis.deployment.predictions.records import PredictionRecord, ShadowScore
from kreis.deployment.server.messages import Ask, Refusal, Reply, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.errors import KreisError
from kreis.identifiers import new_id
from kreis.tasks.decisions import Raw

__all__ = ["Answer", "answer_many", "answer_one"]

_LOG = logging.getLogger("kreis.service")
Answer = tuple[Reply, PredictionRecord]
_NOTHING: dict[str, float | None] = {}
_NO_PARTS: dict[str, Any] = {}


def answer_one(
    row: Ask, release: LoadedRelease, at: datetime, metrics: Metrics, started: int, flags: list[str]
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
    model = release.only or release.choose(row)
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
    shadow = [each[0] for each in _shadows([row], release, at_us, metrics)] if release.shadows else []
    return _answer(row, release, model, at, at_us, values, score, shadow, fallback, started, flags)


def _fall_back(
    row: Ask, release: LoadedRelease, at_us: int, failed: LoadedModel, error: Exception
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


def _shadows(rows: Sequence[Ask], release: LoadedRelease, at_us: int, metrics: Metrics) -> list[list[ShadowScore]]:
    """What each shadow would have said of each row."""
    found = []
    for model in release.shadows:
        try:
            values = [model.values(row.keys, row.fields, row.features, at_us) for row in rows]
            scores = model.score_many(np.array(values, dtype=np.float32), [row.fields for row in rows])
        except Exception as error:
            metrics.shadow_failures += len(rows)
            _LOG.warning("shadow %s cannot answer: %s", model.digest[:12], error)
            continue
        decided = model.manifest.decision.many(np.array(scores)).tolist()
        said = zip(scores, decided, strict=True)
        found.append([ShadowScore(model.digest, model.recorded(score), decision) for score, decision in said])
    return found


def _answer(  # noqa: PLR0913 (the hot path: one call for each answer)
    row: Ask,
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
    decision: bool | float | None = None,
    parts: dict[str, Any] | None = None,
) -> Answer:
    identifier = new_id(at_us)
    if parts is None:
        parts = _NO_PARTS if model.parts is None else model.parts.one(values, score, row)
    if decision is None:
        decision = model.decide(score)
    digest = model.digest
    logged: Any = score
    if model.as_it_is:
        reply = Reply(
            identifier, logged, decision, digest, model.version, release.id, at, fallback, flags, UNSET, parts
        )
    else:
        logged = model.recorded(score)
        number, said, named = model.shown(logged, decision)
        reply = Reply(identifier, number, said, digest, model.version, release.id, at, fallback, flags, named, parts)
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
        parts=parts,
    )
    return reply, record


def answer_many(
    rows: Sequence[Ask],
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
    if release.within is not None:
        return _answer_groups(rows, release, at, metrics, started, flags)
    chosen = [release.only or release.choose(row) for row in rows]
    answers: list[Answer | None] = [None] * len(rows)
    for model in dict.fromkeys(chosen):
        places = [place for place, each in enumerate(chosen) if each is model]
        try:
            values = [model.values(rows[p].keys, rows[p].fields, rows[p].features, at_us) for p in places]
            matrix, asked = np.array(values, dtype=np.float32), [rows[p] for p in places]
            scores = model.score_many(matrix, [each.fields for each in asked])
        except Exception:
            # One row spoils the batch: row by row, each gets its own answer, fallback or refusal.
            for place in places:
                answers[place] = answer_one(rows[place], release, at, metrics, started, flags[place])
            continue
        parts = [_NO_PARTS] * len(places) if model.parts is None else model.parts.many(matrix, scores, asked)
        for place, row, row_values, score, part in zip(places, asked, values, scores, parts, strict=True):
            shadow = [each[0] for each in _shadows([row], release, at_us, metrics)] if release.shadows else []
            answers[place] = _answer(
                row, release, model, at, at_us, row_values, score, shadow, False, started, flags[place], None, part
            )
    return [each for each in answers if each is not None]


def _answer_groups(
    rows: Sequence[Ask],
    release: LoadedRelease,
    at: datetime,
    metrics: Metrics,
    started: int,
    flags: Sequence[list[str]],
) -> list[Answer]:
    """Answer rows that are decided among each other: those of one group together, by one model, or by its fallback.

    Raises:
        Refusal: as `answer_one`; or a row does not say to which group it belongs.
    """
    at_us = microseconds(at)
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(release.group_of(row), []).append(place)
    answers: list[Answer | None] = [None] * len(rows)
    for places in groups.values():
        together = [rows[place] for place in places]
        model, values, scores, fallback = _score_group(together, release, at_us)
        metrics.fallbacks += len(places) if fallback else 0
        decided = model.manifest.decision.many(np.array(scores)).tolist()
        shadows = _shadows(together, release, at_us, metrics)
        for at_place, place in enumerate(places):
            shadow = [scored[at_place] for scored in shadows]
            given = values[at_place], scores[at_place], shadow, fallback, started, flags[place], decided[at_place]
            answers[place] = _answer(rows[place], release, model, at, at_us, *given)
    return [each for each in answers if each is not None]


def _score_group(
    rows: Sequence[Ask], release: LoadedRelease, at_us: int
) -> tuple[LoadedModel, list[list[float]], list[Raw], bool]:
    """The model that answers a group, its rows' features and scores, and whether it is the fallback."""
    model = release.choose(rows[0])
    try:
        values = [model.values(row.keys, row.fields, row.features, at_us) for row in rows]
        return model, values, model.score_many(np.array(values, dtype=np.float32), [row.fields for row in rows]), False
    except (TypeError, ValueError) as error:
        raise Refusal("wrong_type", str(error)[:300]) from error
    except Exception as error:
        fallen = [_fall_back(row, release, at_us, model, error) for row in rows]
        return fallen[0][0], [values for _, values, _ in fallen], [score for _, _, score in fallen], True
