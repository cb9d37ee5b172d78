"""The process of a model of llama.cpp, as its parent sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["EndedError", "LlamaChild"]

_LINE = 1024**2
_TO_STOP_S = 2.0
"""How long a process may go on after it was told to stop, before it is killed."""
_TO_LOAD_S = 300.0
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR")
"""All that it sees of the environment: keys of others are none of its business."""


class EndedError(Exception):
    """The process is no more."""


class LlamaChild:
    """Answers one request at a time; see `llama_process` for what is said."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        self._child = child
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._told = "its process ended"
        self._stopping: asyncio.Task[None] | None = None
        self.memory: int | None = None
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ready.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it
        self._loading = loop.call_later(_TO_LOAD_S, self._kill, f"it was not loaded within {_TO_LOAD_S:g} s")
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, weights: Path, window: int) -> LlamaChild:
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

    async def settled(self) -> None:
        """Wait until an answer that was left is stopped, or the process that would not stop is killed."""
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def ask(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Events of an answer, the last of which is "done" or "error". Who stops listening stops the answer.

        Raises:
            EndedError: the process ended.
        """
        finished = False
        try:
            await self._write({"ask": body})
            while not finished:
                event = await self._events.get()
                if event is None:
                    raise EndedError(self._told)
                finished = "piece" not in event
                yield event
        finally:
            if not finished and self.runs:
                self._stopping = asyncio.create_task(self._stop())

    async def end(self) -> None:
        """Let it end, or kill it."""
        with suppress(OSError):
            self._child.stdin.close()  # type: ignore[union-attr]
        try:
            async with asyncio.timeout(_TO_STOP_S):
                await self._child.wait()
        except TimeoutError:
            self._kill("it is closed")
            await self._child.wait()
        await asyncio.gather(self._listening, self.settled(), return_exceptions=True)

    async def _write(self, document: dict[str, Any]) -> None:
        try:
            assert self._child.stdin is not None
            self._child.stdin.write(msgspec.json.encode(document) + b"\n")
            await self._child.stdin.drain()
        except OSError:
            raise EndedError(self._told) from None

    async def _stop(self) -> None:
        try:
            async with asyncio.timeout(_TO_STOP_S):
                await self._write({"stop": True})
                while (event := await self._events.get()) is not None and "piece" in event:
                    pass
        except (TimeoutError, EndedError):
            self._kill("its process was killed, because it did not stop")
            await asyncio.gather(self._listening, return_exceptions=True)

    def _kill(self, why: str) -> None:
        self._told = why
        with suppress(ProcessLookupError):
            self._child.kill()

    async def _listen(self) -> None:
        """Hand what it says to who asked."""
        assert self._child.stdout is not None
        try:
            async for line in self._child.stdout:
                event = msgspec.json.decode(line)
                if "ready" in event:
                    self.memory = event["ready"]
                    self.ready.set_result(None)
                elif "failed" in event:
                    self._told = f"it cannot be loaded ({event['failed']})"
                else:
                    self._events.put_nowait(event)
        except ValueError:  # a line that is too long, or no JSON
            self._kill("its process said what cannot be read")
        finally:
            self._loading.cancel()
            if not self.ready.done():
                self.ready.set_exception(EndedError(self._told))
            self._events.put_nowait(None)
