"""The shape of OpenAI's chat completions, so that clients made for it can ask.

The last message is the question; what came before it is the history. The project's own prompt is the system's: what a
client sends as one is left out, and said. Sources stand as footnotes below the answer, and whole in `kreis`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from kreis.deployment.server.messages import Refusal
from kreis.deployment.server.models import LoadedRelease
from kreis.deployment.server.questions.messages import AnswerReply, AskQuestion, Passage, Turn
from kreis.deployment.server.questions.models import QuestionRelease

__all__ = ["ChatAsked", "Completions", "models_of"]

_ENCODE = msgspec.json.Encoder().encode
_MARK = re.compile(r"\[(\d{1,4})\]")
_OWN_SYSTEM = "system message: left out, the project has a prompt of its own"


class ChatPart(msgspec.Struct, frozen=True):
    """A part of a message."""

    type: str
    text: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """A turn of the conversation."""

    role: str
    content: str | list[ChatPart] | None = None

    @property
    def text(self) -> str:
        """What it says.

        Raises:
            Refusal: it holds something else than text.
        """
        if isinstance(self.content, list):
            for part in self.content:
                if part.type != "text":
                    raise Refusal("wrong_type", f"only texts are read, no {part.type[:40]!r}")
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(msgspec.Struct, frozen=True):
    """How a stream is wanted."""

    include_usage: bool | None = None


_Anything: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None


class ChatAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a completion. What it says beside this (temperature, seed …) is the project's to decide, and is not
    read.
    """

    messages: list[ChatMessage]
    model: str | None = None
    """Not read: the release says which model answers."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[_Anything] | None = None
    functions: list[_Anything] | None = None
    response_format: _Anything = None
    filters: dict[str, str] = {}
    """As for `/v1/answer`."""
    reference: str | None = None
    """As for `/v1/answer`."""
    kind: str = ""
    """As for `/v1/answer`."""

    def question(self) -> tuple[AskQuestion, list[str]]:
        """What it asks, and what of it is left out.

        Raises:
            Refusal: it ends with no question, or wants what the project does not give.
        """
        if self.n not in (None, 1):
            raise Refusal("not_allowed", "there is one answer: leave `n` out")
        if self.tools or self.functions:
            raise Refusal("not_allowed", "the project has tools of its own: leave `tools` out")
        if isinstance(self.response_format, dict) and self.response_format.get("type", "text") != "text":
            raise Refusal("not_allowed", "answers are text: leave `response_format` out")
        turns: list[Turn] = []
        flags: list[str] = []
        for each in self.messages:
            if each.role in ("system", "developer"):
                flags = [_OWN_SYSTEM]
            elif each.role == "user":
                turns.append(Turn("user", each.text))
            elif each.role == "assistant":
                turns.append(Turn("assistant", each.text))
            else:
                raise Refusal("not_allowed", f"there is no role {each.role[:40]!r} here; use 'user' and 'assistant'")
        if not turns or turns[-1].role != "user":
            raise Refusal("missing", "the last message must be the user's question")
        *history, last = turns
        asked = AskQuestion(
            question=last.text,
            history=history,
            filters=self.filters,
            reference=self.reference,
            kind=self.kind,
            stream=bool(self.stream),
        )
        return asked, flags


class Completions:
    """Answers in this shape, of one request."""

    def __init__(self, project: str, asked: ChatAsked, flags: Sequence[str], at: datetime) -> None:
        self._project = project
        self._asked = asked
        self._flags = list(flags)
        self._created = int(at.timestamp())
        self._said = ""

    def whole(self, reply: AnswerReply) -> bytes:
        """A completion."""
        message = {"role": "assistant", "content": reply.answer + footnotes(reply), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return _ENCODE(
            {
                **self._head(reply.prediction, "chat.completion"),
                "choices": [choice],
                "usage": _usage(reply),
                "kreis": self._own(reply),
            }
        )

    def frames(self, item: str | AnswerReply, prediction: str) -> Iterator[bytes]:
        """The events of a piece, or of the whole; `prediction` is the id that the answer has, or will have."""
        if isinstance(item, str):
            yield self._chunk(prediction, item)
            self._said += item
            return
        rest = item.answer
        if rest.startswith(self._said):
            rest = rest.removeprefix(self._said)
        else:
            rest = f"\n\n[what stands above is withdrawn]\n\n{rest}"
        yield self._chunk(prediction, rest + footnotes(item))
        yield self._chunk(prediction, None, kreis=self._own(item))
        if self._asked.stream_options is not None and self._asked.stream_options.include_usage:
            head = self._head(prediction, "chat.completion.chunk")
            yield _data(_ENCODE({**head, "choices": [], "usage": _usage(item)}))
        yield _data(b"[DONE]")

    def _chunk(self, prediction: str, text: str | None, **more: Any) -> bytes:
        delta = {} if text is None else {"role": "assistant", "content": text}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": "stop" if text is None else None}
        return _data(_ENCODE({**self._head(prediction, "chat.completion.chunk"), "choices": [choice], **more}))

    def _head(self, prediction: str, kind: str) -> dict[str, Any]:
        return {"id": prediction, "object": kind, "created": self._created, "model": self._project}

    def _own(self, reply: AnswerReply) -> AnswerReply:
        return msgspec.structs.replace(reply, flags=[*reply.flags, *self._flags])


def footnotes(reply: AnswerReply) -> str:
    """The sources that an answer's marks name, one a line: "[1] Leave: Parental leave (leave.md, page 2)"."""
    if not reply.answered:
        return ""
    marks = sorted({int(each) for each in _MARK.findall(reply.answer)})
    lines = [f"[{mark}] {_source(reply.passages[mark - 1])}" for mark in marks if 0 < mark <= len(reply.passages)]
    return "\n\n" + "\n".join(lines) if lines else ""


def _source(passage: Passage) -> str:
    title = passage.title or passage.document
    heading = f": {passage.heading}" if passage.heading and passage.heading != title else ""
    page = f", page {passage.page}" if passage.page is not None else ""
    return f"{title}{heading} ({passage.source or passage.document}{page})"


def _usage(reply: AnswerReply) -> dict[str, int]:
    """All tokens as the prompt's: how many of them were the answer's is not counted apart."""
    return {"prompt_tokens": reply.tokens, "completion_tokens": 0, "total_tokens": reply.tokens}


def _data(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


def models_of(project: str, release: LoadedRelease | QuestionRelease | None) -> dict[str, Any]:
    """The list of models that such clients look at: the project, once it answers questions."""
    if not isinstance(release, QuestionRelease):
        return {"object": "list", "data": []}
    created = int(release.release.at.timestamp())
    return {"object": "list", "data": [{"id": project, "object": "model", "created": created, "owned_by": "kreis"}]}
