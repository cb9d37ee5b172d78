"""The routes of releases that answer questions: kreis's own shape, OpenAI's chat completions, feedback.

An answer comes as a whole, or as server-sent events. In kreis's own shape those are `piece` (a checked sentence),
`answer` (the whole, which counts in place of the pieces) and `error`; a stream without `answer` is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from kreis.deployment.server.http.chat import ChatAsked, Completions, models_of
from kreis.deployment.server.http.replies import JSON, Answer, Route, decoded
from kreis.deployment.server.questions.answering import Items, Questions
from kreis.deployment.server.questions.messages import AnswerReply, AskQuestion, Confirmation, Feedback

if TYPE_CHECKING:
    from kreis.deployment.server.http.app import App

__all__ = ["QuestionRoutes"]

_EVENTS = [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
_Frames: TypeAlias = Callable[[str | AnswerReply, str], Iterator[bytes]]
"""What is sent for a piece or the whole, of the answer of this id."""


class QuestionRoutes:
    """Handlers that the app calls."""

    def __init__(self, app: App, questions: Questions) -> None:
        self._app = app
        self._questions = questions
        self._ask = msgspec.json.Decoder(AskQuestion)
        self._ask_chat = msgspec.json.Decoder(ChatAsked)
        self._confirmation = msgspec.json.Decoder(Confirmation)
        self._came_of_it = msgspec.json.Decoder(Feedback)
        self.routes: list[Route] = [
            ("/v1/answer", "POST", self._answer),
            ("/v1/chat/completions", "POST", self._chat),
            ("/v1/confirm", "POST", self._confirm),
            ("/v1/feedback", "POST", self._feedback),
            ("/v1/models", "GET", self._models),
        ]

    async def _answer(self, scope: Any, headers: Any, protocol: Any) -> Answer | None:
        started = perf_counter_ns()
        asked = await self._body(self._ask, scope, headers, protocol)
        return await self._give(asked, started, headers, protocol, scope.path, self._app.encode, self._frames)

    async def _chat(self, scope: Any, headers: Any, protocol: Any) -> Answer | None:
        started = perf_counter_ns()
        chat: ChatAsked = await self._body(self._ask_chat, scope, headers, protocol)
        asked, flags = chat.question()
        completions = Completions(self._app.config.project, chat, flags, self._app.now(headers))
        return await self._give(asked, started, headers, protocol, scope.path, completions.whole, completions.frames)

    async def _give(
        self,
        asked: AskQuestion,
        started: int,
        headers: Any,
        protocol: Any,
        path: str,
        whole: Callable[[AnswerReply], bytes],
        frames: _Frames,
    ) -> Answer | None:
        asker, at = self._app.guard.asker(headers), self._app.now(headers)
        if not asked.stream:
            reply = await self._questions.answer(asked, asker, at, started)
            self._count(path, reply)
            return 200, JSON, whole(reply)
        items = self._questions.stream(asked, asker, at, started)
        first = await anext(items)  # until then, what goes wrong has a status of its own
        await self._send(first, items, protocol.response_stream(200, _EVENTS), path, frames)
        return None

    async def _send(
        self,
        first: str | AnswerReply,
        items: Items,
        transport: Any,
        path: str,
        frames: _Frames,
    ) -> None:
        """Send events until the last one, or until the client has gone: the answer is logged all the same."""
        with suppress(ProtocolClosed):
            try:
                item: str | AnswerReply | None = first
                while item is not None:
                    if isinstance(item, AnswerReply):
                        self._count(path, item)
                    for frame in frames(item, items.prediction):
                        await transport.send_bytes(frame)
                    item = await anext(items, None)
            except ProtocolClosed:
                raise
            except Exception as error:
                await transport.send_bytes(event("error", self._app.fail(path, error)[2]))

    def _frames(self, item: str | AnswerReply, prediction: str) -> Iterator[bytes]:
        if isinstance(item, str):
            yield event("piece", self._app.encode({"text": item}))
        else:
            yield event("answer", self._app.encode(item))

    def _count(self, path: str, reply: AnswerReply) -> None:
        self._app.metrics.requests[path, 200, reply.model, reply.version] += 1

    async def _feedback(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        feedback = await self._body(self._came_of_it, scope, headers, protocol)
        return self._app.done(scope.path, {"accepted": await self._questions.take(feedback, self._app.now(headers))})

    async def _confirm(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        sent = await self._body(self._confirmation, scope, headers, protocol)
        asker, at = self._app.guard.asker(headers), self._app.now(headers)
        return self._app.done(scope.path, await self._questions.confirm(sent, asker, at))

    async def _models(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        return self._app.done(scope.path, models_of(self._app.config.project, self._app.follower.current))

    async def _body(self, decoder: msgspec.json.Decoder[Any], scope: Any, headers: Any, protocol: Any) -> Any:
        return decoded(decoder, await self._app.guard.body(scope, headers, protocol))


def event(name: str, data: bytes) -> bytes:
    """A server-sent event; JSON holds no line ends."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
