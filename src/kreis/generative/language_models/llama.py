"""A model of llama.cpp, opened: a process of its own, which is started anew when it hangs or dies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from kreis.generative.language_models.model import Completion, ModelError, Spent, Wish
from kreis.generative.language_models.tokens import estimate_prompt, estimate_tokens
from kreis.generative.language_models.waiting import Deadline, Pace

__all__ = ["Llama"]

_LINE = 1024**2
_TO_STOP_S = 2.0
"""How long a process may go on after it was told to stop, before it is killed."""
_ENVIRONMENT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
)
"""All that it sees of the environment: keys of others are none of its business."""


class _EndedError(Exception):
    """The process is no more."""


class Llama:
    """See `OpenModel`. Answers one question after the other; those that wait share its process."""

    def __init__(self, name: str, weights: Path, window: int, *, pace: Pace = Pace()) -> None:
        self._name, self._weights, self.window, self._pace = name, weights, window, pace
        self._process: _Process | None = None
        self._closed = False
        self._starting = asyncio.Lock()

    def count(self, text: str) -> int:
        """Tokens of a text, at most."""
        return estimate_tokens(text)

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return self._process.pid if self._process and self._process.runs else None

    @property
    def memory(self) -> int | None:
        """Bytes that its process held at most while it loaded the model; None before it did."""
        return self._process.memory if self._process else None

    async def close(self) -> None:
        """End the process."""
        self._closed = True
        async with self._starting:
            process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        async with aclosing(self.stream(wish)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
        raise self._error("it ended without an answer", Spent(attempts=1))

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        deadline = Deadline(wish.deadline_s, self._pace.now)
        said: list[str] = []
        try:
            async with asyncio.timeout(deadline.left):
                process = await self._ready()
        except TimeoutError:
            raise self._error(f"it was not loaded within {wish.deadline_s:g} s", Spent(attempts=1)) from None
        except _EndedError as error:
            raise self._error(str(error), Spent(attempts=1)) from None
        async with aclosing(process.ask(_body(wish))) as events:
            while True:
                try:
                    async with asyncio.timeout(max(deadline.left, 0.0)):
                        event = await anext(events)
                except (TimeoutError, _EndedError) as error:
                    why = (
                        f"it did not answer within {wish.deadline_s:g} s" if isinstance(error, TimeoutError) else error
                    )
                    spent = Spent(
                        tokens_in=estimate_prompt(wish.messages), tokens_out=len(said), attempts=1, estimated=True
                    )
                    raise self._error(str(why), spent) from None
                if "piece" in event:
                    said.append(event["piece"])
                    yield event["piece"]
                elif "error" in event:
                    raise self._error(event["error"], Spent(attempts=1, tokens_out=len(said), estimated=bool(said)))
                else:
                    yield self._completion("".join(said), event["done"])
                    return

    async def _ready(self) -> _Process:
        """Its process, started where there is none.

        Raises:
            _EndedError: it cannot be loaded.
        """
        async with self._starting:
            if self._closed:
                raise _EndedError("it is closed")
            if self._process is None or not self._process.runs:
                self._process = await _Process.start(self._weights, self.window)
            process = self._process
        await asyncio.shield(process.ready)
        return process

    def _completion(self, text: str, done: dict[str, Any]) -> Completion:
        return Completion(
            text=text,
            model=self._name,
            tokens_in=done["tokens_in"],
            tokens_out=done["tokens_out"],
            finish="length" if done["finish"] == "length" else "stop",
            logprob=done.get("logprob"),
        )

    def _error(self, why: str, spent: Spent) -> ModelError:
        return ModelError(f"{self._name}: {why}", spent=spent)


class _Process:
    """The child, and who waits for what it says."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child, self._numbers = child, count(1)
        self._waiting: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._told = "its process ended"
        self.memory: int | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it
        self._listening = asyncio.create_task(self._listen())
        self._stopping: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, weights: Path, window: int) -> _Process:
        """A process that loads a model."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = min(8, max(1, cores - 1))  # its threads wait by spinning: one core stays free
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # what lies in the folder that the service stands in is not imported
            "-m",
            "kreis.generative.language_models.llama_process",
            str(weights),
            str(window),
            str(threads),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            limit=_LINE,
        )
        return cls(child)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    @property
    def runs(self) -> bool:
        """Whether it can be asked."""
        return not self._listening.done()

    async def ask(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Events of an answer, the last of which is "done" or "error". Who stops listening stops the answer.

        Raises:
            _EndedError: the process ended.
        """
        number, queue = next(self._numbers), asyncio.Queue[dict[str, Any] | None]()
        self._waiting[number] = queue
        finished = False
        try:
            await self._write({"id": number, "ask": body})
            while not finished:
                event = await queue.get()
                if event is None:
                    raise _EndedError(self._told)
                finished = "piece" not in event
                yield event
        finally:
            if finished or not self.runs:
                self._waiting.pop(number, None)
            else:
                task = asyncio.create_task(self._stop(number, queue))
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)

    async def end(self) -> None:
        """Let it end, or kill it."""
        with suppress(OSError):
            self._child.stdin.close()  # type: ignore[union-attr]
        try:
            async with asyncio.timeout(_TO_STOP_S):
                await self._child.wait()
        except TimeoutError:
            self._kill()
            await self._child.wait()
        await asyncio.gather(self._listening, *self._stopping, return_exceptions=True)

    async def _write(self, document: dict[str, Any]) -> None:
        try:
            assert self._child.stdin is not None
            self._child.stdin.write(msgspec.json.encode(document) + b"\n")
            await self._child.stdin.drain()
        except OSError:
            raise _EndedError(self._told) from None

    async def _stop(self, number: int, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop an answer that nobody waits for any more; a process that does not is killed."""
        try:
            async with asyncio.timeout(_TO_STOP_S):
                await self._write({"id": number, "stop": True})
                while (event := await queue.get()) is not None and "piece" in event:
                    pass
        except TimeoutError:
            self._told = "its process was killed, because it did not stop"
            self._kill()
        except _EndedError:
            pass
        finally:
            self._waiting.pop(number, None)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._child.kill()

    async def _listen(self) -> None:
        """Hand what it says to those who wait."""
        assert self._child.stdout is not None
        try:
            async for line in self._child.stdout:
                event = msgspec.json.decode(line)
                if "ready" in event:
                    self.memory = event["ready"]
                    self.ready.set_result(None)
                elif "failed" in event:
                    self._told = f"it cannot be loaded ({event['failed']})"
                elif (queue := self._waiting.get(event["id"])) is not None:
                    queue.put_nowait(event)
        except ValueError:  # a line that is too long, or no JSON
            self._told = "its process said what cannot be read"
            self._kill()
        finally:
            if not self.ready.done():
                self.ready.set_exception(_EndedError(self._told))
            for queue in self._waiting.values():
                queue.put_nowait(None)


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
