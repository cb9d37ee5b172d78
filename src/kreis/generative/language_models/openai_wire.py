"""What is sent to an OpenAI-compatible endpoint, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

import msgspec

from kreis.generative.language_models.model import Wish

__all__ = ["Choice", "Reply", "UnreadableError", "Usage", "events", "read_reply", "request_of"]

_LONGEST_LINE = 256 * 1024
"""Bytes of one line of a stream."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]


class UnreadableError(Exception):
    """It is not what the protocol says."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the endpoint counts them."""

    prompt_tokens: _Count
    completion_tokens: _Count = 0


class _Text(msgspec.Struct, frozen=True):
    content: str | None = None


class _Token(msgspec.Struct, frozen=True):
    logprob: float


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Token] | None = None


class Choice(msgspec.Struct, frozen=True):
    """An answer, or a piece of one."""

    message: _Text | None = None
    delta: _Text | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    @property
    def text(self) -> str:
        """What it says."""
        said = self.message or self.delta
        return (said.content or "") if said else ""

    @property
    def tokens(self) -> list[float]:
        """Log-probabilities, where they were asked for."""
        return [token.logprob for token in (self.logprobs and self.logprobs.content) or ()]


class Reply(msgspec.Struct, frozen=True):
    """A whole answer, or an event of a stream."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: msgspec.Raw | None = None


_DECODER = msgspec.json.Decoder(Reply)


def read_reply(data: bytes) -> Reply:
    """Decode a body or an event.

    Raises:
        UnreadableError: it is not JSON, not a reply, or it reports an error.
    """
    try:
        reply = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"it answered with something else than a completion ({error})") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError("it answered with something else than JSON") from None
    if reply.error is not None and bytes(reply.error) != b"null":
        raise UnreadableError("it reported an error in its answer")
    return reply


def request_of(
    wish: Wish,
    *,
    model: str,
    stream: bool,
    schema: Literal["json_schema", "json_object", "none"],
    logprobs: bool,
    limit: str,
) -> bytes:
    """The body of a request for a chat completion.

    Args:
        wish: What is asked.
        model: As the endpoint calls it; empty: it has but one.
        stream: Piece by piece.
        schema: What the endpoint can be held to.
        logprobs: Whether it tells log-probabilities.
        limit: Its name for the most tokens of an answer.

    Returns:
        JSON.
    """
    body: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.text} for message in wish.messages],
        limit: wish.most_tokens,
        "temperature": wish.temperature,
        "seed": wish.seed,
    }
    if model:
        body["model"] = model
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if logprobs:
        body["logprobs"] = True
    if wish.schema is not None and schema == "json_schema":
        held = {"name": "answer", "schema": wish.schema, "strict": _can_be_strict(wish.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    elif wish.schema is not None and schema == "json_object":
        body["response_format"] = {"type": "json_object"}
    return msgspec.json.encode(body)


def _can_be_strict(schema: Any) -> bool:
    """What "strict" asks: each object of a schema requires all of its properties and allows no others."""
    if isinstance(schema, list):
        return all(_can_be_strict(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    if "properties" in schema or schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(schema.get("properties", {})):
            return False
    return all(_can_be_strict(each) for each in schema.values())


async def events(pieces: AsyncIterator[bytes], most_bytes: int) -> AsyncGenerator[bytes, None]:
    """The data of server-sent events, until the endpoint says that all has been sent, or breaks off.

    Args:
        pieces: Bytes as they come.
        most_bytes: Of all together.

    Yields:
        What stands behind `data:`, a line each: these endpoints send no event of several lines.

    Raises:
        UnreadableError: a line, or all together, is too long.
    """
    rest, total = b"", 0
    async for piece in pieces:
        total += len(piece)
        if total > most_bytes:
            raise UnreadableError(f"its stream does not end: {most_bytes:,} bytes were read")
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST_LINE or any(len(line) > _LONGEST_LINE for line in lines):
            raise UnreadableError(f"a line of its stream has over {_LONGEST_LINE:,} bytes")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                if data:
                    yield data
