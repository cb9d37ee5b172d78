"""A model of llama.cpp, opened: a process of its own, which is started anew when it hangs or dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kreis.generative.language_models.llama_child import EndedError, LlamaChild
from kreis.generative.language_models.model import Completion, ModelError, Spent, Wish
from kreis.generative.language_models.tokens import estimate_prompt, estimate_tokens
from kreis.generative.language_models.waiting import Deadline, Pace

__all__ = ["Llama"]


class Llama:
    """See `OpenModel`. Answers one question after the other, in the order in which they come."""

    def __init__(self, name: str, weights: Path, window: int, *, pace: Pace = Pace()) -> None:
        self._name, self._weights, self.window, self._pace = name, weights, window, pace
        self._child: LlamaChild | None = None
        self._closed = False
        self._turn = asyncio.Lock()

    def count(self, text: str) -> int:
        """Tokens of a text, at most."""
        return estimate_tokens(text)

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return self._child.pid if self._child and self._child.runs else None

    @property
    def memory(self) -> int | None:
        """Bytes that its process held at most while it loaded the model; None before it did."""
        return self._child.memory if self._child else None

    async def close(self) -> None:
        """End the process."""
        self._closed = True
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        async with aclosing(self.stream(wish)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
        raise self._error("it ended without an answer")

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        deadline = Deadline(wish.deadline_s, self._pace.now)
        try:
            async with asyncio.timeout(max(deadline.left, 0.0)):
                await self._turn.acquire()
        except TimeoutError:
            raise self._error(f"it was busy with other questions for {wish.deadline_s:g} s") from None
        try:
            child = await self._ready(wish, deadline)
            async with aclosing(self._answered(child, wish, deadline)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._turn.release()

    async def _answered(
        self, child: LlamaChild, wish: Wish, deadline: Deadline
    ) -> AsyncGenerator[str | Completion, None]:
        said: list[str] = []
        async with aclosing(child.ask(_body(wish))) as events:
            while True:
                try:
                    async with asyncio.timeout(max(deadline.left, 0.0)):
                        event = await anext(events)
                except TimeoutError:
                    raise self._broken(f"it did not answer within {wish.deadline_s:g} s", wish, said) from None
                except EndedError as error:
                    raise self._broken(str(error), wish, said) from None
                if "piece" in event:
                    said.append(event["piece"])
                    yield event["piece"]
                elif "error" in event:
                    raise self._broken(event["error"], wish, said) if said else self._error(event["error"], attempts=1)
                else:
                    yield self._completion("".join(said), event["done"])
                    return

    async def _ready(self, wish: Wish, deadline: Deadline) -> LlamaChild:
        """Its process, started where there is none.

        Raises:
            ModelError: it cannot be loaded, or not in time.
        """
        try:
            async with asyncio.timeout(max(deadline.left, 0.0)):
                if self._child is not None:
                    await self._child.settled()
                if not self._closed and (self._child is None or not self._child.runs):
                    self._child = await LlamaChild.start(self._weights, self.window)
                if self._closed or self._child is None:
                    await self.close()
                    raise EndedError("it is closed")
                await asyncio.shield(self._child.ready)
                return self._child
        except TimeoutError:
            raise self._error(f"it was not loaded within {wish.deadline_s:g} s") from None
        except EndedError as error:
            raise self._error(str(error)) from None

    def _completion(self, text: str, done: dict[str, Any]) -> Completion:
        return Completion(
            text=text,
            model=self._name,
            tokens_in=done["tokens_in"],
            tokens_out=done["tokens_out"],
            finish="length" if done["finish"] == "length" else "stop",
            logprob=done.get("logprob"),
        )

    def _error(self, why: str, *, attempts: int = 0) -> ModelError:
        return ModelError(f"{self._name}: {why}", spent=Spent(attempts=attempts))

    def _broken(self, why: str, wish: Wish, said: list[str]) -> ModelError:
        tokens = estimate_prompt(wish.messages)
        spent = Spent(tokens_in=tokens, tokens_out=len(said), attempts=1, estimated=True)
        return ModelError(f"{self._name}: {why}", spent=spent)


def _body(wish: Wish) -> dict[str, Any]:
    """As llama.cpp reads it. No prompt is taken from its cache, so that the same question has the same answer."""
    body: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.text} for message in wish.messages],
        "max_tokens": wish.most_tokens,
        "temperature": wish.temperature,
        "seed": wish.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": False,
        "logprobs": True,
        "top_logprobs": 1,
    }
    if wish.schema is not None:
        held = {"name": "answer", "schema": wish.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    return body
