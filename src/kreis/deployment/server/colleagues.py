"""What the workers of one service tell each other: over a socket pair to the process that started them.

A client reaches one worker; what it asks may concern all of them (close the log's segments, count). That worker asks
the supervisor, which asks the others.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

from kreis.errors import StoreError

__all__ = ["Answered", "Ask", "Colleagues", "Gathered", "Link", "Ready", "Start", "What"]

What: TypeAlias = Literal["flush", "metrics"]
_LENGTH = struct.Struct("<I")
_LOG = logging.getLogger("kreis.service")


class Start(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker, first: what it is started with."""

    config: bytes
    """A `ServerConfig` as JSON, token and all: the file may be another by the time a worker is started again."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: it is about to listen."""


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: ask all others; supervisor to worker: one of them asks."""

    id: int
    what: What


class Answered(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: the answer to an `Ask`."""

    id: int
    answer: bytes | None
    """None where it failed."""


class Gathered(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker: what the others answered."""

    id: int
    answers: dict[int, bytes | None]
    """By number, of all others that run; None where one failed or did not answer in time."""
    restarts: dict[int, int]
    """By number, of all workers: how often they were started again."""


Message: TypeAlias = Start | Ready | Ask | Answered | Gathered
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Link:
    """Sends and receives messages over a stream socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Link:
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, message: Message) -> None:
        """Send; what the other end will not take any more is dropped."""
        payload = _ENCODE(message)
        self._writer.write(_LENGTH.pack(len(payload)) + payload)

    async def receive(self) -> Message | None:
        """The next message; None where the other end has gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return _DECODER.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def messages(self) -> AsyncIterator[Message]:
        """All messages, until the other end has gone."""
        while (message := await self.receive()) is not None:
            yield message

    def close(self) -> None:
        """Close this end."""
        self._writer.close()


class Colleagues:
    """A worker's side: asks the others, and answers them."""

    def __init__(self, number: int, link: Link) -> None:
        self.number = number
        self._link = link
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Gathered]] = {}

    async def ask(self, what: What) -> Gathered:
        """Ask all others."""
        number = next(self._ids)
        future: asyncio.Future[Gathered] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._link.send(Ask(number, what))
        return await future

    async def answer(self, handlers: Mapping[What, Callable[[], bytes]]) -> None:
        """Say that this worker is ready, and answer the others until the supervisor has gone."""
        self._link.send(Ready())
        async for message in self._link.messages():
            if isinstance(message, Gathered):
                future = self._waiting.pop(message.id)
                if not future.done():  # else whoever asked has gone
                    future.set_result(message)
            elif isinstance(message, Ask):
                try:
                    said: bytes | None = handlers[message.what]()
                except StoreError as error:
                    _LOG.error("%s", error)
                    said = None
                self._link.send(Answered(message.id, said))
