"""A local OpenAI-compatible server that answers as it is told, well or badly, and counts what it would be paid.

    with Misbehaving() as server:
        server.will(refuses(429, retry_after="1"), truncated("It is"), well("It is [1]."))
        monkeypatch.setenv("LLM_URL", server.url)
        …
        assert server.charged == completion.tokens_in + completion.tokens_out

Each request takes the next behaviour; the last one stays. It is paid for each request that it works on: for the prompt,
and for the answer as long as it was sent (a stream) or as long as it may have been (a whole answer that is never seen).
Tokens are counted as kreis estimates them, so that what kreis accounts for can be held against it to the token.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kreis.generative.language_models.model import Message
from kreis.generative.language_models.tokens import estimate_prompt, estimate_tokens

__all__ = [
    "Behaviour",
    "Misbehaving",
    "Request",
    "drops",
    "endless",
    "error_in_stream",
    "huge",
    "invalid_json",
    "long_line",
    "no_http",
    "redirects",
    "refuses",
    "silent",
    "slow",
    "truncated",
    "well",
    "wrong_shape",
]


@dataclass
class Request:
    """What was asked, and what it costs."""

    body: dict[str, Any]
    key: str | None
    path: str
    tokens_in: int = 0
    tokens_out: int = 0
    status: int = 0

    @property
    def charged(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def most_tokens(self) -> int:
        return int(self.body["max_tokens"])

    def work(self) -> None:
        """The prompt is read: it is to be paid, and so is the longest answer if none is seen."""
        self.tokens_in = estimate_prompt([Message(each["role"], each["content"]) for each in self.body["messages"]])
        self.tokens_out = 0 if self.streams else self.most_tokens

    def said(self, text: str) -> None:
        """What a stream said before it broke off is to be paid."""
        if self.streams:
            self.tokens_out = estimate_tokens(text)


Behaviour = Callable[["_Handler", Request], None]


class Misbehaving:
    """The server, on loopback, in threads of its own."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.requests: list[Request] = []
        self._plan: list[Behaviour] = list(behaviours) or [well()]
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def will(self, *behaviours: Behaviour) -> None:
        """How the next requests are answered; the last one stays."""
        with self._lock:
            self._plan = list(behaviours)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def charged(self) -> int:
        """Tokens that it would be paid for."""
        return sum(request.charged for request in self.requests)

    @property
    def statuses(self) -> list[int]:
        """Of each request in turn; 0: it got no answer."""
        return [request.status for request in self.requests]

    def taken(self, request: Request) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            return self._plan.pop(0) if len(self._plan) > 1 else self._plan[0]

    def __enter__(self) -> Misbehaving:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: Misbehaving


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    request_now: Request

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.request_now = Request(body, self.headers.get("authorization"), self.path)
        behaviour = self.server.owner.taken(self.request_now)
        try:
            behaviour(self, self.request_now)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def begin(self, status: int, **headers: Any) -> None:
        self.request_now.status = status
        (self.send_response_only if "date" in headers else self.send_response)(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def whole(self, data: bytes, status: int = 200, **headers: Any) -> None:
        self.begin(status, content_type="application/json", content_length=len(data), **headers)
        self.wfile.write(data)

    def stream(self) -> None:
        self.begin(200, content_type="text/event-stream", connection="close")
        self.close_connection = True

    def event(self, document: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")

    def piece(self, text: str) -> None:
        """Send a piece of an answer, and be paid for it."""
        self.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    def until_they_leave(self) -> None:
        while self.connection.recv(4096):
            pass
        self.close_connection = True

    def hang_up(self) -> None:
        """With a reset: the other side sees an error, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _pieces(text: str) -> Iterator[str]:
    words = text.split(" ")
    for number, word in enumerate(words):
        yield word if number == 0 else f" {word}"


def well(
    text: str | Callable[[dict[str, Any]], str] = "It is so.",
    *,
    finish: str = "stop",
    usage: bool = True,
    logprobs: bool = False,
    wait: threading.Event | None = None,
) -> Behaviour:
    """Answers.

    Args:
        text: The answer, or what makes it of the request.
        finish: Why it ends.
        usage: Whether it tells the tokens.
        logprobs: Whether it tells a log-probability for each piece.
        wait: It does not answer before this.
    """

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        if wait is not None:
            wait.wait(30)
        said = text if isinstance(text, str) else text(request.body)
        request.tokens_out = estimate_tokens(said)
        told = {"prompt_tokens": request.tokens_in, "completion_tokens": request.tokens_out}
        each = {"content": [{"token": word, "logprob": -0.5} for word in _pieces(said)]} if logprobs else None
        if not request.streams:
            choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": finish}
            document = {"choices": [choice | ({"logprobs": each} if each else {})]}
            handler.whole(json.dumps(document | ({"usage": told} if usage else {})).encode())
            return
        handler.stream()
        for piece in _pieces(said):
            more = {"logprobs": {"content": [{"token": piece, "logprob": -0.5}]}} if logprobs else {}
            handler.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None} | more]})
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if usage:
            handler.event({"choices": [], "usage": told})
        handler.wfile.write(b"data: [DONE]\n\n")

    return behave


def refuses(status: int, *, retry_after: str | None = None, date: str | None = None, body: bytes = b"{}") -> Behaviour:
    """Does not work on it: 429, 500, 503, 401."""

    def behave(handler: _Handler, request: Request) -> None:
        headers = {"retry_after": retry_after} if retry_after else {}
        if date:
            headers["date"] = date
        handler.whole(body, status, **headers)

    return behave


def slow() -> Behaviour:
    """Works, and never begins to answer."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.until_they_leave()

    return behave


def silent(text: str = "It is") -> Behaviour:
    """Begins to answer (a stream), and says no more."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        request.said(text)
        handler.stream()
        handler.piece(text)
        handler.until_they_leave()

    return behave


def truncated(text: str = "It is") -> Behaviour:
    """Breaks off in the middle of the answer."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        request.said(text)
        if request.streams:
            handler.stream()
            for piece in _pieces(text):
                handler.piece(piece)
            return
        data = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode()
        handler.begin(200, content_length=2 * len(data))
        handler.wfile.write(data)
        handler.close_connection = True

    return behave


def drops() -> Behaviour:
    """Works, and hangs up before it answers."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.hang_up()

    return behave


def invalid_json(data: bytes = b'{"choices": [{"message": {"content": "It') -> Behaviour:
    """Answers with what is no JSON."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        if request.streams:
            handler.stream()
            handler.wfile.write(b"data: " + data + b"\n\n")
        else:
            handler.whole(data)

    return behave


def wrong_shape(document: Any = None) -> Behaviour:
    """Answers with JSON that is no completion."""
    return invalid_json(json.dumps({"choices": "It is so."} if document is None else document).encode())


def error_in_stream(text: str = "It is") -> Behaviour:
    """Begins to answer, and then reports an error (a stream)."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        request.said(text)
        handler.stream()
        handler.piece(text)
        handler.event({"error": {"message": "overloaded"}})

    return behave


def endless(piece: str = " and so on") -> Behaviour:
    """Answers for ever; in a whole answer, with blanks."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.stream()
        while True:
            if request.streams:
                handler.piece(piece)
            else:
                handler.wfile.write(b" " * 65_536)

    return behave


def huge(size: int = 64 * 1024**2) -> Behaviour:
    """Answers with a very large body."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.begin(200, content_length=size)
        for _ in range(size // 65_536):
            handler.wfile.write(b"x" * 65_536)

    return behave


def long_line() -> Behaviour:
    """A stream whose line does not end."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.stream()
        handler.wfile.write(b"data: ")
        while True:
            handler.wfile.write(b"x" * 65_536)

    return behave


def redirects(to: str) -> Behaviour:
    """Sends them elsewhere."""

    def behave(handler: _Handler, request: Request) -> None:
        handler.whole(b"", 307, location=to)

    return behave


def no_http() -> Behaviour:
    """Speaks another protocol."""

    def behave(handler: _Handler, request: Request) -> None:
        request.work()
        handler.wfile.write(b"220 mail.example ESMTP\r\n")
        handler.close_connection = True

    return behave
