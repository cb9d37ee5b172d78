"""The process of tools: checks each request's token, and has its own workers run the call. It listens on this machine
alone, and speaks to nobody but who holds the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kreis.clock import Clock, microseconds
from kreis.digests import digest_of
from kreis.errors import PolicyError, ProjectError, ServiceError
from kreis.generative.tools.spec import ToolResult, ToolSpec
from kreis.generative.tools.tokens import Grant, read_token
from kreis.generative.tools.wire import LARGEST, Description, Request, connect
from kreis.generative.tools.worker import Ready, Work

__all__ = ["ToolServer"]

_PENDING_US = 900_000_000
"""How long a call waits for a person's confirmation, in microseconds."""
_MOST_PENDING = 1000
_MOST_WAITING = 64
_HEADER_S = 5.0
_START_S = 120.0
_AGAIN_S = 1.0


class _Worker:
    """A process that runs one call at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str]) -> tuple[_Worker, Ready]:
        """Start one and wait until it has loaded the project.

        Raises:
            ServiceError: it ended instead.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LARGEST
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                return worker, msgspec.json.decode(await worker._line(), type=Ready)
        except (TimeoutError, msgspec.DecodeError) as error:
            await worker.stop()
            raise ServiceError(
                "the tools do not start", where="kreis tools", hint="what stopped them stands above; run `kreis run`"
            ) from error

    async def run(self, asked: Work, seconds: float) -> ToolResult | None:
        """The result; None where it took too long or ended: it is no more."""
        assert self._process.stdin is not None
        try:
            async with asyncio.timeout(seconds):
                self._process.stdin.write(msgspec.json.encode(asked) + b"\n")
                await self._process.stdin.drain()
                return msgspec.json.decode(await self._line(), type=ToolResult)
        except (TimeoutError, OSError, msgspec.DecodeError, ValueError):
            return None

    async def stop(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()


async def _answers(address: Path | tuple[str, int]) -> bool:
    """Whether somebody listens: a socket file alone may be what is left of a process that was killed."""
    try:
        _, writer = await connect(address)
    except OSError:
        return False
    writer.close()
    return True


class ToolServer:
    """Runs calls that carry a token of the key, once each."""

    def __init__(
        self, command: Sequence[str], key: bytes, clock: Clock, *, workers: int = 2, limit_s: float = 10.0
    ) -> None:
        """Before it starts.

        Args:
            command: Starts a worker.
            key: Shared with the processes that answer.
            clock: Says when a token has expired.
            workers: How many calls run at once.
            limit_s: How long one may take.
        """
        self._command = command
        self._key = key
        self._clock = clock
        self._workers = workers
        self._limit = limit_s
        self._instance = secrets.token_hex(8)
        self._specs: dict[str, ToolSpec] = {}
        self._free: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._used: dict[str, int] = {}
        self._pending: dict[str, tuple[Work, int]] = {}
        self._waiting = 0
        self._server: asyncio.Server | None = None

    async def start(self, address: Path | tuple[str, int]) -> Description:
        """Start the workers, then listen.

        Raises:
            ServiceError: the tools do not load, or somebody listens there.
            ProjectError: the project declares no tools.
        """
        if await _answers(address):
            raise ServiceError("other tools listen there", where=f"tools.url, {address}", hint="end them first")
        try:
            for _ in range(self._workers):
                ready = await self._start_worker()
            self._specs = {spec.name: spec for spec in ready.tools}
            if not self._specs:
                hint = "project.tools(my_function)"
                raise ProjectError("the project declares no tools", where="project.py", hint=hint)
            await self._listen(address)
        except BaseException:
            await self.close()
            raise
        return Description(instance=self._instance, tools=tuple(self._specs.values()))

    async def _listen(self, address: Path | tuple[str, int]) -> None:
        try:
            if isinstance(address, Path):
                address.unlink(missing_ok=True)
                self._server = await asyncio.start_unix_server(self._serve, address, limit=LARGEST)
                address.chmod(0o600)
            else:
                self._server = await asyncio.start_server(self._serve, *address, limit=LARGEST)
        except OSError as error:
            raise ServiceError(f"cannot listen: {error}", where=f"tools.url, {address}") from error

    async def close(self) -> None:
        """Stop listening, and end the workers."""
        if self._server is not None:
            self._server.close()
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._all))

    async def _start_worker(self) -> Ready:
        worker, ready = await _Worker.start(self._command)
        self._all.add(worker)
        self._free.put_nowait(worker)
        return ready

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, msgspec.DecodeError):
            async with asyncio.timeout(_HEADER_S):
                line = await reader.readline()
            request = msgspec.json.decode(line, type=Request)
            answer = await self._answer(request) if request.token else self._description()
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        writer.close()

    def _description(self) -> Description:
        return Description(instance=self._instance, tools=tuple(self._specs.values()))

    async def _answer(self, request: Request) -> ToolResult:
        try:
            grant = self._granted(request)
            asked = self._confirmed(grant) if grant.does == "confirm" else self._asked(grant, request)
        except PolicyError as error:
            return ToolResult(tool="", status="refused", text=error.message)
        if isinstance(asked, ToolResult):
            return asked
        return await self._run(asked)

    def _granted(self, request: Request) -> Grant:
        """What the request's token allows, the first time that it is used.

        Raises:
            PolicyError: nothing.
        """
        grant, now = read_token(request.token, self._key), microseconds(self._clock.now())
        if grant.instance != self._instance:
            raise PolicyError("the token is for another process")
        if now >= grant.expires:
            raise PolicyError("the token has expired")
        self._used = {nonce: until for nonce, until in self._used.items() if until > now}
        if grant.nonce in self._used:
            raise PolicyError("the token was used")
        self._used[grant.nonce] = grant.expires
        if grant.arguments != digest_of(request.arguments.encode()):
            raise PolicyError("the token is for other arguments")
        return grant

    def _asked(self, grant: Grant, request: Request) -> Work | ToolResult:
        """The call; where it changes something, that it waits for a person.

        Raises:
            PolicyError: there is no such tool, or nobody who could confirm.
        """
        spec = self._specs.get(grant.tool)
        if spec is None:
            raise PolicyError("there is no such tool")
        asked = Work(tool=grant.tool, arguments=request.arguments, caller=grant.caller)
        if not spec.changes_state:
            return asked
        if not grant.caller.person:
            raise PolicyError("nobody is known who could confirm it")
        now = microseconds(self._clock.now())
        self._pending = {name: held for name, held in self._pending.items() if held[1] > now}
        if len(self._pending) >= _MOST_PENDING:
            raise PolicyError("too many calls wait for a person")
        name = secrets.token_hex(8)
        self._pending[name] = asked, now + _PENDING_US
        said = "this changes something: it is done when the person who asked has confirmed it"
        return ToolResult(tool=grant.tool, status="pending", text=said, request=name)

    def _confirmed(self, grant: Grant) -> Work:
        """What the person who asked for it confirms.

        Raises:
            PolicyError: nothing waits under that name, or it is somebody else's.
        """
        asked, until = self._pending.get(grant.tool, (None, 0))
        if asked is None or until <= microseconds(self._clock.now()):
            raise PolicyError("nothing waits under this name")
        if (asked.caller.person, asked.caller.tenant) != (grant.caller.person, grant.caller.tenant):
            raise PolicyError("somebody else asked for it")
        del self._pending[grant.tool]
        return asked

    async def _run(self, asked: Work) -> ToolResult:
        if self._waiting >= _MOST_WAITING:
            return ToolResult(tool=asked.tool, status="failed", text="too many calls at once")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limit):
                worker = await self._free.get()
        except TimeoutError:
            return ToolResult(tool=asked.tool, status="failed", text="no worker was free in time")
        finally:
            self._waiting -= 1
        result = await worker.run(asked, self._limit)
        if result is not None:
            self._free.put_nowait(worker)
            return result
        self._all.discard(worker)
        await worker.stop()
        task = asyncio.create_task(self._replace())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return ToolResult(
            tool=asked.tool, status="failed", text=f"the tool took longer than {self._limit:g} s or ended"
        )

    async def _replace(self) -> None:
        while True:
            try:
                await self._start_worker()
                return
            except ServiceError:  # why stands in its output; a project that is being edited may load again
                await asyncio.sleep(_AGAIN_S)
