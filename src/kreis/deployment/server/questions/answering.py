"""The service core for questions: check, choose, answer, decide, record, count; whole or sentence by sentence.

It knows no transport. An answer is in the log before it is given; of one that comes sentence by sentence, before its
last event. What was begun is ended and logged even where the client has gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter_ns
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from kreis.clock import microseconds
from kreis.deployment.server.answering import Answering, Serving, released
from kreis.deployment.server.config import Limits
from kreis.deployment.server.messages import Outcome, Refusal, Unavailable, Unknown
from kreis.deployment.server.outcomes import record_of
from kreis.deployment.server.questions.messages import (
    AnswerReply,
    Asker,
    AskQuestion,
    Confirmation,
    Confirmed,
    Feedback,
)
from kreis.deployment.server.questions.models import LoadedAnswerer, QuestionRelease
from kreis.deployment.server.questions.records import OnItsWay, answered_by
from kreis.errors import KreisError, nearest
from kreis.generative.index.index import FILTERS
from kreis.generative.language_models.model import Message
from kreis.generative.questions import SIGNALS, Answered, Question
from kreis.identifiers import microseconds_of, new_id

__all__ = ["MOST", "Items", "Questions"]

_LOG = logging.getLogger("kreis.service")
_FOR_FALLBACK = 0.25
"""The part of the time that is kept for the fallback, where there is one."""
_FOR_MODEL = 0.9
"""The part that the language model has: so what it was paid is known where it gives up, and there is time to say so."""
_MONEY = SIGNALS.index("money")
_Give: TypeAlias = Callable[[str], None]


class _Most(NamedTuple):
    text: int = 1_000
    """Characters of a reference or a filter."""
    question: int = 8_000
    comment: int = 4_000
    history: int = 100_000
    """Characters of all earlier turns."""
    turns: int = 100


MOST = _Most()
"""What one message may hold."""


class Items:
    """Pieces of an answer as they come; the last item is the whole."""

    def __init__(self, prediction: str, given: asyncio.Queue[str | AnswerReply | Exception]) -> None:
        self.prediction = prediction
        """The id that the answer will have."""
        self._given = given
        self._ended = False

    def __aiter__(self) -> Items:
        return self

    async def __anext__(self) -> str | AnswerReply:
        if self._ended:
            raise StopAsyncIteration
        item = await self._given.get()
        self._ended = not isinstance(item, str)
        if isinstance(item, Exception):
            raise item
        return item


class Questions:
    """Answers questions. For one event loop."""

    def __init__(self, serving: Serving, answering: Answering, limits: Limits) -> None:
        """Put together.

        Args:
            serving: Says which release answers; asked for each question.
            answering: Writes down what is answered: what it does not keep is not given.
            limits: How many answers may be under way, and how long one may take.
        """
        self._serving = serving
        self._answering = answering
        self._metrics = answering.metrics
        self._limits = limits
        self._under_way: set[asyncio.Task[None]] = set()

    async def answer(self, asked: AskQuestion, asker: Asker, at: datetime, started: int = 0) -> AnswerReply:
        """Answer a question, or pass it on; what is returned is in the log.

        Args:
            asked: The question.
            asker: Who asks.
            at: The moment.
            started: The request's arrival by `perf_counter_ns`; now, if 0.

        Raises:
            Refusal: what was asked cannot be answered.
            Unavailable: nothing is released yet, or too many answers are under way.
            StoreError: the answer could not be kept, so it must not be given.
        """
        async for item in self._begin(asked, asker, at, started, pieces=False):
            if isinstance(item, AnswerReply):
                return item
        raise AssertionError

    def stream(self, asked: AskQuestion, asker: Asker, at: datetime, started: int = 0) -> Items:
        """Answer a question sentence by sentence; the last item is the whole, which is in the log by then.

        It counts in place of the pieces: where the question is passed on after all, it says so.

        Args:
            asked: As for `answer`, which it raises the same as, before or between pieces.
            asker: Who asks.
            at: The moment.
            started: The request's arrival.
        """
        return self._begin(asked, asker, at, started, pieces=True)

    async def take(self, feedback: Feedback, at: datetime) -> int:
        """Write down what came of an answer; its comment masked.

        Raises:
            Refusal: it is not allowed.
            Unknown: no answer can have this id. Any other may be of another worker, or of an earlier process: it is
                taken, and the watch tells of those that belong to no answer.
            Unavailable: nothing is released yet.
            StoreError: it could not be kept.
        """
        release = self._release("POST /v1/outcomes")
        _check_length("comment", feedback.comment, MOST.comment)
        now = microseconds(at)
        outcome = Outcome(outcome=feedback.verdict, prediction=feedback.prediction)
        record = record_of(0, outcome, release.outcomes, now, now)
        if not _is_id(feedback.prediction):
            raise Unknown("unknown_prediction", "no answer was given with this id; send the answer's `prediction`")
        if feedback.comment:
            record = replace(record, comment=release.live[0].answerer.guards.stored(feedback.comment))
        await self._answering.keep_outcomes([record])
        return 1

    async def confirm(self, sent: Confirmation, asker: Asker, at: datetime) -> Confirmed:
        """Have a call made that waits for whoever asked.

        Raises:
            Refusal: there are no tools.
            Unavailable: nothing is released yet.
        """
        release = self._release("POST /v1/predict")
        tools = next((each.tools for each in release.models.values() if each.tools is not None), None)
        if tools is None:
            raise Refusal("not_allowed", "this release has no tools, so nothing waits")
        _check_length("request", sent.request, MOST.text)
        question = Question(text="", access=asker.access, person=asker.name, at=microseconds(at))
        result = await tools.confirm(sent.request, question)
        text, _ = release.live[0].answerer.guards.answer(result.text)
        return Confirmed(result.tool, result.status, text)

    def _release(self, instead: str) -> QuestionRelease:
        release = released(self._serving)
        if not isinstance(release, QuestionRelease):
            raise Refusal("asks_otherwise", f"this release answers no questions; it predicts: {instead}")
        return release

    def _begin(self, asked: AskQuestion, asker: Asker, at: datetime, started: int, *, pieces: bool) -> Items:
        """Begin a task that ends whatever becomes of the caller; what it gives."""
        release = self._release("POST /v1/predict")
        if len(self._under_way) >= self._limits.answers:
            raise Unavailable("overloaded", f"{self._limits.answers} answers are under way; try again in a second")
        _check(asked)
        question = Question(
            text=asked.question,
            access=asker.access,
            history=[Message(turn.role, turn.text) for turn in asked.history],
            filters=asked.filters,
            kind=asked.kind,
            person=asker.name,
            reference=asked.reference,
            at=microseconds(at),
        )
        given: asyncio.Queue[str | AnswerReply | Exception] = asyncio.Queue()
        on_its_way = OnItsWay(asked, asker, question, release, new_id(question.at), at, started or perf_counter_ns())
        task = asyncio.get_running_loop().create_task(self._run(on_its_way, given, pieces=pieces))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return Items(on_its_way.prediction, given)

    async def _run(self, way: OnItsWay, given: asyncio.Queue[str | AnswerReply | Exception], *, pieces: bool) -> None:
        try:
            model, answered, flags = await self._ask(way, given.put_nowait if pieces else None)
            reply, record = answered_by(model, answered, way, flags)
            await self._answering.keep(record)
            self._count(reply, answered, way.started)
            given.put_nowait(reply)
        except Exception as error:
            given.put_nowait(error)

    def _count(self, reply: AnswerReply, answered: Answered, started: int) -> None:
        what = "passed_on" if reply.outcome == "answered" and not reply.answered else reply.outcome
        money = answered.signals[_MONEY]
        seconds = (perf_counter_ns() - started) * 1e-9
        self._metrics.fallbacks += bool(answered.fallback)
        self._metrics.answered(what, seconds, reply.tokens, 0.0 if money != money else money)

    async def _ask(self, way: OnItsWay, give: _Give | None) -> tuple[LoadedAnswerer, Answered, list[str]]:
        """The model that answers in the end, its answer, and what to say of those that could not."""
        release, loop = way.release, asyncio.get_running_loop()
        first = release.choose(way.asked.reference, way.asker, way.asked.question)
        chain = [first, *(each for each in (release.fallback,) if each is not None and each is not first)]
        until = loop.time() + self._limits.answer_ms / 1000
        flags: list[str] = []
        for model in chain:
            last = model is chain[-1]
            kept_back = 0.0 if last else _FOR_FALLBACK * self._limits.answer_ms / 1000
            answered = await self._ask_one(model, way.question, until - kept_back, give)
            if answered.outcome != "failed" or last:
                break
            flags.append(f"fallback: model {model.digest[:12]} did not answer")
            self._metrics.fallbacks += 1
        return model, answered, flags

    async def _ask_one(self, model: LoadedAnswerer, question: Question, until: float, give: _Give | None) -> Answered:
        try:
            within = until - asyncio.get_running_loop().time()
            question = replace(question, within_s=min(_FOR_MODEL * within, model.pipeline.deadline_s))
            with model.used() as answerer:
                async with asyncio.timeout_at(until):
                    if give is None:
                        return await answerer.answer(question)
                    async for item in answerer.stream(question, at_least=model.answers_from):
                        if isinstance(item, Answered):
                            return item
                        give(item)
            why = "its answer has no end"
        except TimeoutError:
            why = "it did not answer in time"
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            _LOG.error("model %s: %s", model.digest[:12], why, exc_info=not isinstance(error, KreisError))
        return model.failed(question, why)


def _is_id(prediction: str) -> bool:
    """Whether an answer can have this id."""
    try:
        microseconds_of(prediction)
    except ValueError:
        return False
    return True


def _check(asked: AskQuestion) -> None:
    """Refuse what no answer can be found for, or what is too long.

    Raises:
        Refusal: it says what is wrong.
    """
    if not asked.question.strip():
        raise Refusal("missing", "the question is empty")
    _check_length("question", asked.question, MOST.question)
    _check_length("kind", asked.kind, MOST.text)
    if asked.reference is not None:
        _check_length("reference", asked.reference, MOST.text)
    if len(asked.history) > MOST.turns or sum(len(turn.text) for turn in asked.history) > MOST.history:
        raise Refusal("too_long", f"send up to {MOST.turns} earlier turns of {MOST.history:,} characters in all")
    _check_filters(asked.filters)


def _check_filters(filters: Mapping[str, str]) -> None:
    for name, value in filters.items():
        if name not in FILTERS:
            raise Refusal("unknown_filter", f"unknown filter {name[:80]!r}; {nearest(name[:80], FILTERS)}")
        _check_length("filter", value, MOST.text)


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise Refusal("too_long", f"the {what} is longer than {most:,} characters")
