"""Who may ask, and how: one place, before any route, denying by default."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from granian.rsgi import ProtocolClosed, ProtocolError  # type: ignore[attr-defined]

from kreis.deployment.server.config import ServerConfig, is_loopback
from kreis.deployment.server.http.refusals import HttpRefusal
from kreis.deployment.server.http.waiting import Waiting
from kreis.deployment.server.questions.messages import Asker
from kreis.deployment.server.reviews.messages import Reviewer
from kreis.digests import digest_of

__all__ = ["ASKING", "REVIEWING", "Guard"]

_OPEN = frozenset(("/healthz", "/readyz"))
"""Answered without a token: they say only whether the process lives and is ready."""
ASKING = frozenset(("/v1/answer", "/v1/chat/completions", "/v1/confirm", "/v1/feedback", "/v1/models"))
"""Answered to askers, by a token of their own; where there are none, to whoever may use the service."""
REVIEWING = frozenset(("/v1/reviews/next", "/v1/reviews/labels"))
"""Answered to reviewers alone, by a token of their own; the service's own does not do."""
_NOBODY = Asker()
_OWN_SITE = (None, "same-origin", "none")
"""Of the header `Sec-Fetch-Site`: no browser, a page of this service, or an address typed in."""
_DISCARDED_BYTES = 16 * 1024 * 1024
_DISCARDED_SECONDS = 2.0
_T = TypeVar("_T")


class Guard:
    """Checks a request's head and reads its body within bounds."""

    def __init__(self, config: ServerConfig, waiting: Waiting) -> None:
        self._waiting = waiting
        self._loopback = is_loopback(config.host)
        self._token = f"Bearer {config.token}".encode() if config.token else None
        self._askers = [(each.sha256.encode(), each) for each in config.askers]
        self._reviewers = [(each.sha256.encode(), each) for each in config.reviewers]
        self._limit = config.limits.body_bytes
        self._hosts: set[str] = set()
        """Values of `Host` found good."""

    def admit(self, path: str, authority: str | None, headers: Any) -> None:
        """Refuse a request from where none may come.

        On loopback, a browser that was led here by another page (DNS rebinding, cross-site requests; a page of this
        machine too) says so in `Host`, `Origin` or `Sec-Fetch-Site`. Elsewhere the bearer token decides.

        Raises:
            HttpRefusal: 400, 403 or 401.
        """
        hosts = headers.get_all("host")
        if len(hosts) > 1:
            raise HttpRefusal(400, "bad_host", "send one Host header")
        host = authority or (hosts[0] if hosts else None)
        if self._loopback:
            if host not in self._hosts:
                self._check_host(host)
            origin, site = headers.get("origin"), headers.get("sec-fetch-site")
            if (origin is not None and origin.partition("://")[2] != host) or site not in _OWN_SITE:
                raise HttpRefusal(403, "forbidden_origin", "requests from other pages are refused")
        if path in REVIEWING:
            self.reviewer(headers)
        elif self._askers and path in ASKING:
            self.asker(headers)
        elif self._token is not None and path not in _OPEN:
            given = headers.get("authorization")
            if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
                raise HttpRefusal(401, "unauthorized", "send the header 'Authorization: Bearer TOKEN'")

    def asker(self, headers: Any) -> Asker:
        """Who asks, by the token of their own. Nobody in particular with the service's own, or without askers.

        Raises:
            HttpRefusal: 401, nobody has this token.
        """
        if not self._askers:
            return _NOBODY
        given = (headers.get("authorization") or "").encode("utf-8", "replace")
        nobody = _NOBODY if self._token is not None and hmac.compare_digest(given, self._token) else None
        return _who(given, self._askers) or nobody or _refused()

    def reviewer(self, headers: Any) -> Reviewer:
        """Who reviews, by the token of their own.

        Raises:
            HttpRefusal: 401, nobody has this token.
        """
        given = (headers.get("authorization") or "").encode("utf-8", "replace")
        return _who(given, self._reviewers) or _refused()

    def _check_host(self, host: str | None) -> None:
        if host is None or not _names_loopback(host):
            raise HttpRefusal(403, "forbidden_host", "the Host header names another machine")
        if len(self._hosts) < 16:
            self._hosts.add(host)

    async def body(self, scope: Any, headers: Any, protocol: Any) -> bytes:
        """The body, no longer than the limit; a longer one is never held.

        Raises:
            HttpRefusal: 413 or 415; 408 or 503 where it does not arrive in time.
        """
        kind = headers.get("content-type")
        if kind != "application/json" and (kind is None or kind.partition(";")[0].strip() != "application/json"):
            raise HttpRefusal(
                415, "unsupported_media_type", "send JSON with the header 'Content-Type: application/json'"
            )
        if "content-encoding" in headers:
            raise HttpRefusal(415, "unsupported_encoding", "send the body uncompressed")
        length = headers.get("content-length")
        if length is not None and (len(length) > 9 or int(length) > self._limit):
            raise HttpRefusal(413, "too_large", f"a body may have {self._limit} bytes at most")
        reading = self._waiting.begin(scope)
        try:
            body: bytes = await (self._stream(protocol) if length is None else protocol())
        except asyncio.CancelledError:
            raise reading.ended() from None
        finally:
            self._waiting.done(reading)
        return body

    async def _stream(self, protocol: Any) -> bytes:
        body, chunks = bytearray(), aiter(protocol)
        async for chunk in _each(chunks):
            body += chunk
            if len(body) > self._limit:
                await _discard(chunks)
                raise HttpRefusal(413, "too_large", f"a body may have {self._limit} bytes at most")
        return bytes(body)

    async def discard(self, headers: Any, protocol: Any) -> None:
        """Let a client that was refused send the body that nobody reads; cut off while it sends, it never sees why.

        One that asks before it sends ("Expect: 100-continue") need not.
        """
        if "expect" not in headers:
            with suppress(ProtocolError, ProtocolClosed):  # the body has been read; the client has gone
                await _discard(aiter(protocol))


def _who(given: bytes, known: Sequence[tuple[bytes, _T]]) -> _T | None:
    """Whose bearer token it is; None where it is nobody's."""
    scheme, _, token = given.partition(b" ")
    digest = digest_of(token if scheme == b"Bearer" else b"").encode()
    found = None
    for theirs, person in known:  # all of them: how long it takes says nothing
        if hmac.compare_digest(digest, theirs):
            found = person
    return found


def _refused() -> NoReturn:
    raise HttpRefusal(401, "unauthorized", "send the header 'Authorization: Bearer TOKEN' with your own token")


async def _each(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks that are left; granian's own iterator can be asked for an iterator only once."""
    with suppress(StopAsyncIteration):
        while True:
            yield await anext(chunks)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Read on and forget, within bounds of size and time."""
    taken = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDED_SECONDS):
            async for chunk in _each(chunks):
                taken += len(chunk)
                if taken > _DISCARDED_BYTES:
                    return


def _names_loopback(host: str) -> bool:
    """Whether a `Host` value, with or without a port, is this machine's own name or address."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name or not (port.isdecimal() or not port):
        name = host
    return is_loopback(name.removeprefix("[").removesuffix("]").lower())
