"""What the replay asks the service with: HTTP/1.1 over kept-alive raw sockets, asyncio, nothing else.

It speaks only what the service answers with (a `Content-Length`, no chunks), which is what makes it cheap
enough to replay months of requests. It is no client for others: it may send a request again, and then the answer is on
record twice. They take any HTTP client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from kreis.errors import ServiceError

__all__ = ["ServiceClient"]

_ATTEMPTS = 3


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one request under way at most."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self.open = True

    def ask(self, message: bytes) -> asyncio.Future[tuple[int, bytes]]:
        future: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._waiting = future
        if self._transport is None or not self.open:
            future.set_exception(ConnectionResetError("closed"))
        else:
            self._transport.write(message)
        return future

    def data_received(self, data: bytes) -> None:
        whole: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            whole = self._buffer
        end = whole.find(b"\r\n\r\n")
        if end < 0:
            return self._keep(data)
        head = bytes(whole[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(whole) < end + 4 + length:
            return self._keep(data)
        status, body = int(head[9:12]), bytes(whole[end + 4 : end + 4 + length])
        self._buffer.clear()
        if b"connection: close" in head:
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, body))
        return None

    def _keep(self, data: bytes) -> None:
        if not self._buffer:
            self._buffer += data

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self._buffer.clear()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the service closed the connection"))

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()


class ServiceClient:
    """Asks a running service; use it as an asynchronous context manager.

    A request whose connection breaks is sent again on a new one (three times at most): a service that is
    replaced loses nothing, and a prediction given twice is two records with the same reference.
    """

    def __init__(
        self, host: str, port: int, *, connections: int = 16, timeout_s: float = 10.0, token: str | None = None
    ) -> None:
        """Connect lazily.

        Args:
            host: name or address.
            port: TCP port.
            connections: how many requests are under way at once at most.
            timeout_s: for each request.
            token: the bearer token, where the service wants one.
        """
        self.where = f"service {host}:{port}"
        self._address = (host, port)
        self._count = connections
        self._timeout = timeout_s
        self._idle: list[_Connection] = []
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        name = f"[{host}]" if ":" in host else host
        self._head = f"Host: {name}:{port}\r\n{authorization}Content-Type: application/json\r\n"

    async def __aenter__(self) -> ServiceClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def predict_many(
        self, bodies: Sequence[bytes], times_us: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Ask `/v1/predict` once for each body, several at once; the answers are in the order of the bodies.

        Args:
            bodies: JSON documents, as the service takes them.
            times_us: the simulated moment of each (microseconds since 1970 UTC); None in real time.

        Raises:
            ServiceError: the service cannot be reached, or refuses one of them.
        """
        heads = self._heads("POST", "/v1/predict", bodies, times_us)
        answers = await self._many([head + body for head, body in zip(heads, bodies, strict=True)])
        decode = msgspec.json.decode
        return [decode(body) if status == 200 else self._refuse(status, body) for status, body in answers]

    async def outcomes(self, outcomes: Sequence[dict[str, Any]], *, batch: int = 1_000) -> int:
        """Report outcomes, in batches; returns how many were accepted.

        Raises:
            ServiceError: the service cannot be reached, or refuses.
        """
        accepted = 0
        for start in range(0, len(outcomes), batch):
            answer = await self.post("/v1/outcomes", {"outcomes": list(outcomes[start : start + batch])})
            accepted += int(answer["accepted"])
        return accepted

    async def flush(self) -> None:
        """Have the service close the segment of its prediction log, so that all of it can be shipped."""
        await self.post("/v1/flush", {})

    async def wait_for_release(self, number: int, *, timeout_s: float = 10.0) -> None:
        """Return once the release with this number, or a later one, answers.

        Raises:
            ServiceError: it does not in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            body = b""
            try:
                code, body = await self.request("GET", "/readyz")
                if code == 200 and msgspec.json.decode(body)["release"] >= number:
                    return
            except ServiceError as error:
                body = str(error).encode()
            if loop.time() > deadline:
                raise ServiceError(
                    f"release {number} does not answer: {body.decode(errors='replace')[:300]}",
                    where=self.where,
                    hint="the service's log says why it refuses a release",
                )
            await asyncio.sleep(0.02)

    async def post(self, path: str, document: Any) -> dict[str, Any]:
        """Post a JSON document; returns the answer's.

        Raises:
            ServiceError: the service cannot be reached, or refuses.
        """
        status, body = await self.request("POST", path, msgspec.json.encode(document))
        answer: dict[str, Any] = msgspec.json.decode(body) if status == 200 else self._refuse(status, body)
        return answer

    async def request(
        self, method: str, path: str, body: bytes = b"", *, time_us: int | None = None
    ) -> tuple[int, bytes]:
        """One request; returns status and body, whatever they are.

        Raises:
            ServiceError: the service cannot be reached.
        """
        (head,) = self._heads(method, path, [body], None if time_us is None else [time_us])
        (answer,) = await self._many([head + body])
        return answer

    def _heads(
        self, method: str, path: str, bodies: Sequence[bytes], times_us: Sequence[int] | None
    ) -> Iterable[bytes]:
        start = f"{method} {path} HTTP/1.1\r\n{self._head}".encode()
        if times_us is None:
            return [b"%bContent-Length: %d\r\n\r\n" % (start, len(body)) for body in bodies]
        return [
            b"%bx-kreis-time: %d\r\nContent-Length: %d\r\n\r\n" % (start, time, len(body))
            for body, time in zip(bodies, times_us, strict=True)
        ]

    async def _many(self, messages: list[bytes]) -> list[tuple[int, bytes]]:
        answers: list[tuple[int, bytes]] = [(0, b"")] * len(messages)
        places = iter(range(len(messages)))

        async def work() -> None:
            connection: _Connection | None = None
            try:
                for place in places:
                    connection, answers[place] = await self._one(connection, messages[place])
            finally:
                if connection is not None:
                    self._give_back(connection)

        tasks = [asyncio.create_task(work()) for _ in range(min(self._count, len(messages)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return answers

    async def _one(self, connection: _Connection | None, message: bytes) -> tuple[_Connection, tuple[int, bytes]]:
        failure: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                if connection is None or not connection.open:
                    connection = await self._connect()
                future = connection.ask(message)
                timer = asyncio.get_running_loop().call_later(self._timeout, _expire, future)
                try:
                    return connection, await future
                finally:
                    timer.cancel()
            except TimeoutError as error:
                failure = error
                break
            except OSError as error:
                failure = error
                connection = None
        if connection is not None:
            connection.close()
        what = f"no answer within {self._timeout:g} s" if isinstance(failure, TimeoutError) else f"{failure}"
        raise ServiceError(what, where=self.where, hint="is the service running? see its log") from failure

    async def _connect(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        loop = asyncio.get_running_loop()
        made = loop.create_connection(lambda: _Connection(loop), *self._address)
        _, connection = await asyncio.wait_for(made, self._timeout)
        return connection

    def _give_back(self, connection: _Connection) -> None:
        if connection.open and len(self._idle) < self._count:
            self._idle.append(connection)
        else:
            connection.close()

    def _refuse(self, status: int, body: bytes) -> Any:
        try:
            error = msgspec.json.decode(body)["error"]
            text, hint = f"{status} {error['code']}: {error['message']}", f"the service's log knows it as {error['id']}"
        except (msgspec.MsgspecError, KeyError, TypeError):
            text, hint = f"{status}: {body[:200].decode(errors='replace')}", "is this a kreis service?"
        raise ServiceError(text, where=self.where, hint=hint)


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
