"""An answer as the client gets it and as the log has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter_ns
from typing import TypeVar

import msgspec

from kreis.deployment.predictions.records import PredictionRecord, Several
from kreis.deployment.server.questions.messages import AnswerReply, Asker, AskQuestion, Passage
from kreis.deployment.server.questions.models import LoadedAnswerer, QuestionRelease
from kreis.generative.index.index import Hit
from kreis.generative.questions import Answered, Citation, Question

__all__ = ["OnItsWay", "answered_by"]

_BY_FALLBACK = {
    "passages": "fallback: sentences of the passages stand for an answer of the model",
    "model": "fallback: another language model answered than the first",
}
"""What is said of an answer by each fallback within a model (`Answered.fallback`)."""
_NOT_REWORDED = "rewriting: the question was searched as it is"
_T = TypeVar("_T")
_ENCODE = msgspec.json.Encoder().encode


class _Place(msgspec.Struct, frozen=True):
    """A passage in the log: where it is, not what it says."""

    document: str
    version: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class OnItsWay:
    """A question that is being answered."""

    asked: AskQuestion
    asker: Asker
    question: Question
    release: QuestionRelease
    prediction: str
    """The id that the answer will have."""
    at: datetime
    started: int
    """The request's arrival by `perf_counter_ns`."""


def answered_by(
    model: LoadedAnswerer, answered: Answered, way: OnItsWay, flags: Sequence[str]
) -> tuple[AnswerReply, PredictionRecord]:
    """Decide whether an answer is given, and put down what it rested on.

    Args:
        model: Answered it.
        answered: Its answer.
        way: The question.
        flags: Which models before it did not answer.
    """
    signals = list(answered.signals)
    if answered.outcome != "answered":
        signals[0] = 0.0
    confidence, tokens = signals[0], 0.0 if signals[1] != signals[1] else signals[1]
    decision = model.decide([confidence, tokens])
    given = answered.outcome == "answered" and decision > 0
    passed_on = answered.outcome == "answered" and not given
    said = _said(answered, flags)
    reply = AnswerReply(
        prediction=way.prediction,
        answered=given,
        answer=model.answerer.passes_on(way.asked.question) if passed_on else answered.text,
        outcome=answered.outcome,
        confidence=confidence,
        citations=answered.citations if given else (),
        passages=()
        if answered.outcome == "refused"
        else msgspec.convert(answered.passages, tuple[Passage, ...], from_attributes=True),
        model=model.digest,
        version=model.version,
        release=way.release.id,
        at=way.at,
        fallback=model is way.release.fallback and bool(flags),
        flags=said,
        tokens=int(tokens),
        value=answered.value if given else None,
        tools=answered.tools,
        waiting=answered.waiting if given else (),
    )
    record = PredictionRecord(
        id=way.prediction,
        at=way.question.at,
        release=way.release.id,
        model=model.digest,
        keys={"tenant": way.asker.tenant} if way.asker.tenant else {},
        fields=_fields(model, answered),
        features=[None if signals[place] != signals[place] else signals[place] for place in model.places],
        score=Several(confidence, [confidence, tokens]),
        decision=decision,
        latency_us=(perf_counter_ns() - way.started) // 1000,
        reference=way.asked.reference,
        flags=said,
    )
    return reply, record


def _said(answered: Answered, flags: Sequence[str]) -> list[str]:
    """What guards did, and what else was unusual."""
    said = [*dict.fromkeys(f"{each.guard}: {each.did} in the {each.where}" for each in answered.verdicts), *flags]
    if answered.fallback:
        said.append(_BY_FALLBACK[answered.fallback])
    return [*said, _NOT_REWORDED] if answered.not_reworded else said


def _fields(model: LoadedAnswerer, answered: Answered) -> dict[str, str | int | float | bool | None]:
    """What the log holds beside numbers. Question and answer are masked already (`Answered`); a quote is a document's
    text, which may hold what the log may not.
    """
    places = _like(answered.passages, _Place)
    fields: dict[str, str | int | float | bool | None] = {
        "question": answered.question,
        "answer": answered.text,
        "outcome": answered.outcome,
        "why": model.answerer.guards.stored(answered.why) if answered.why else "",
        "citations": _ENCODE([_stored(model, each) for each in answered.citations]).decode(),
        "passages": _ENCODE(places).decode(),
        "verdicts": _ENCODE(answered.verdicts).decode(),
        "prompt": answered.prompt,
        "index": answered.index,
        "language_model": answered.model,
        "tools": ", ".join(answered.tools),
    }
    if answered.cached:
        fields["cached"] = True
    if answered.fallback:
        fields["fallback"] = answered.fallback
    if answered.wordings:
        fields["wordings"] = _ENCODE(answered.wordings).decode()
    if answered.not_reworded:
        fields["not_reworded"] = answered.not_reworded
    if answered.dropped:
        fields["dropped"] = answered.dropped
    return fields


def _stored(model: LoadedAnswerer, citation: Citation) -> Citation:
    return msgspec.structs.replace(citation, quote=model.stored_quote(citation.quote))


def _like(hits: Sequence[Hit], kind: type[_T]) -> tuple[_T, ...]:
    """What another struct has of hits."""
    return tuple(msgspec.convert(each, kind, from_attributes=True) for each in hits)
