"""An OpenAI-compatible endpoint, opened: retries, breaker, limits, accounting."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import msgspec

from kreis.generative.addresses import checked_address
from kreis.generative.language_models.breaker import Breaker
from kreis.generative.language_models.model import Completion, ModelError, Spent, Wish
from kreis.generative.language_models.openai_wire import Choice, UnreadableError, Usage, events, read_reply, request_of
from kreis.generative.language_models.tokens import estimate_prompt, estimate_tokens
from kreis.generative.language_models.waiting import Deadline, Pace, retry_after

if TYPE_CHECKING:
    import httpx

    from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["Endpoint"]

_CONNECT_S = 5.0
_LARGEST = 4 * 1024**2
"""Bytes of a body or of a stream."""
_LONGEST_TOKEN = 32
"""Bytes of text for each token that was asked for, at most: an answer beyond that does not heed the limit."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses of requests that were refused, and may be sent again."""

T = TypeVar("T")


class Endpoint:
    """See `OpenModel`. A request that may have been worked on is never sent again: that could be paid twice."""

    def __init__(
        self,
        kind: OpenAICompatible,
        address: str,
        key: str,
        *,
        pace: Pace = Pace(),
        breaker: Breaker | None = None,
        largest: int = _LARGEST,
    ) -> None:
        """Check the address.

        Raises:
            ProjectError: it is none that can be asked.
        """
        import httpx

        if find_spec("sniffio") is None:
            # httpcore looks for it four times in each request, and Python through its path each time (0.3 ms in all).
            sys.modules["sniffio"] = None  # type: ignore[assignment]
        self._kind, self._pace, self._largest, self.window = kind, pace, largest, kind.window
        self._breaker = breaker or Breaker(now=pace.now)
        found = checked_address(address, key, kind.env, f"the language model {kind.name!r}")
        self._url, self._host = f"{found.base}/chat/completions", found.host
        self._closed = False
        headers = {"content-type": "application/json", **found.headers}
        self._client = httpx.AsyncClient(follow_redirects=False, trust_env=not found.loopback, headers=headers)

    def count(self, text: str) -> int:
        """Tokens of a text, at most."""
        return estimate_tokens(text)

    async def close(self) -> None:
        """End connections."""
        self._closed = True
        await self._client.aclose()

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        deadline = Deadline(wish.deadline_s, self._pace.now)
        async with self._answering(wish, deadline, stream=False) as (call, response):
            data = bytearray()
            pieces = response.aiter_raw()
            while (piece := await call.within(anext(pieces, None))) is not None:
                data += piece
                if len(data) > self._largest:
                    raise UnreadableError(f"its answer has over {self._largest:,} bytes")
            reply = read_reply(bytes(data))
            call.usage = reply.usage
            if not reply.choices:
                raise UnreadableError("its answer holds no choice")
            choice = reply.choices[0]
            if choice.message is None or choice.finish_reason is None:
                raise UnreadableError("its answer is not whole")
            call.take(choice)
            return call.completion()

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        deadline = Deadline(wish.deadline_s, self._pace.now)
        async with self._answering(wish, deadline, stream=True) as (call, response):
            async with aclosing(events(response.aiter_raw(), self._largest)) as told:
                while data := await call.within(anext(told, None)):
                    reply = read_reply(data)
                    call.usage = reply.usage or call.usage
                    if reply.choices:
                        call.take(reply.choices[0])
                        if piece := reply.choices[0].text:
                            yield piece
            if call.finish is None:
                raise UnreadableError("its stream broke off")
            completion = call.completion()
        yield completion

    @asynccontextmanager
    async def _answering(
        self, wish: Wish, deadline: Deadline, *, stream: bool
    ) -> AsyncIterator[tuple[_Call, httpx.Response]]:
        """A reply of status 200, whose body is not read; whatever goes wrong inside becomes a `ModelError`."""
        import httpx

        call = _Call(self._kind, wish, deadline, stream)
        response = await self._sent(call, stream)
        outcome = self._breaker.failed
        try:
            yield call, response
            outcome = self._breaker.succeeded
        except (GeneratorExit, asyncio.CancelledError):
            outcome = self._breaker.gave_up
            raise
        except UnreadableError as error:
            raise self._error(str(error), call) from None
        except TimeoutError:
            raise self._error(f"it did not answer within {wish.deadline_s:g} s", call) from None
        except httpx.ReadTimeout:
            raise self._error(f"nothing came for {self._kind.first_token_s:g} s", call) from None
        except httpx.HTTPError:
            raise self._error("its answer broke off", call) from None
        finally:
            outcome()
            await response.aclose()

    async def _sent(self, call: _Call, stream: bool) -> httpx.Response:
        """Ask, again where it is safe and there is time."""
        while True:
            answer = await self._tried(call, stream)
            if not isinstance(answer, _Refused):
                return answer
            wait = max(answer.wait_s, self._pace.pause_s(call.attempts))
            if call.attempts >= self._kind.attempts or wait >= call.deadline.left:
                raise self._error(answer.why, call)
            await self._pace.sleep(wait)

    async def _tried(self, call: _Call, stream: bool) -> httpx.Response | _Refused:
        """Ask once, past the breaker, which is told how it went; of an answer it is told when it has been read."""
        if self._closed:
            raise self._error("it is closed", call)
        if (pause := self._breaker.enter()) is not None:
            raise self._error(f"it has failed several times, and is left alone for {pause:.1f} s", call)
        outcome = self._breaker.gave_up
        try:
            answer = await self._once(call, stream)
            if isinstance(answer, _Refused):
                outcome = self._breaker.succeeded if 0 < answer.status < 500 else self._breaker.failed
                if answer.status and answer.status not in _AGAIN:
                    raise self._error(answer.why, call)
            else:
                outcome = _nothing
            return answer
        except _LostError as error:
            outcome = self._breaker.failed
            raise self._error(str(error), call) from None
        finally:
            outcome()

    async def _once(self, call: _Call, stream: bool) -> httpx.Response | _Refused:
        """One request.

        Raises:
            _LostError: it may have been worked on, but no answer came.
        """
        import httpx

        left = max(call.deadline.left, 0.001)
        patience = min(self._kind.first_token_s, left) if stream else left
        timeout = httpx.Timeout(patience, connect=min(_CONNECT_S, left), pool=left)
        request = self._client.build_request("POST", self._url, content=call.body, timeout=timeout)
        call.attempts += 1
        call.asked = True
        try:
            response = await call.within(self._client.send(request, stream=True))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            call.asked = False
            return _Refused("it cannot be reached")
        except (httpx.TimeoutException, TimeoutError):
            raise _LostError(f"it did not answer within {patience:.2g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise _LostError("it dropped the connection") from None
        status = response.status_code
        if status == 200:
            return response
        call.asked = False
        await response.aclose()
        wait = retry_after(dict(response.headers)) or 0.0
        more = "; set the address to where it leads" if 300 <= status < 400 else ""
        more = more or (f" and asks to wait {wait:.0f} s" if wait else "")
        return _Refused(f"it answered {status}{more}", status, wait)

    def _error(self, why: str, call: _Call) -> ModelError:
        return ModelError(f"{self._kind.name or 'the model'} at {self._host}: {why}", spent=call.spent())


@dataclass(frozen=True)
class _Refused:
    """A request that was not worked on."""

    why: str
    status: int = 0
    """0: it never reached the endpoint."""
    wait_s: float = 0.0


class _LostError(Exception):
    """A request that may have been worked on, and was not answered."""


class _Call:
    """One answer that is asked for, and what came of it."""

    def __init__(self, kind: OpenAICompatible, wish: Wish, deadline: Deadline, stream: bool) -> None:
        self._kind, self._wish, self._stream, self.deadline = kind, wish, stream, deadline
        self.body = request_of(
            wish, model=kind.name, stream=stream, schema=kind.schema, logprobs=kind.logprobs, limit=kind.limit
        )
        self.attempts = 0
        self.asked = False
        """Whether a request was, or may have been, worked on."""
        self.usage: Usage | None = None
        self.finish: str | None = None
        self._pieces: list[str] = []
        self._letters = 0
        self._logprobs: list[float] = []

    async def within(self, wait: Awaitable[T]) -> T:
        """Wait for it until the deadline.

        Raises:
            TimeoutError: it has passed.
        """
        async with asyncio.timeout(max(self.deadline.left, 0.0)):
            return await wait

    def take(self, choice: Choice) -> None:
        """Keep a piece, or all, of the answer.

        Raises:
            UnreadableError: it does not heed the limit of tokens.
        """
        self._pieces.append(choice.text)
        self._letters += len(choice.text)
        self._logprobs += choice.tokens
        self.finish = choice.finish_reason or self.finish
        if self._letters > _LONGEST_TOKEN * (self._wish.most_tokens + 8):
            raise UnreadableError(f"it says more than the {self._wish.most_tokens} tokens that were asked for")

    def spent(self) -> Spent:
        """What it cost, or may have cost: a whole answer that was not seen counts as the longest that was asked for."""
        if not self.asked:
            return Spent(attempts=self.attempts)
        usage = self.usage
        if usage is None:
            seen = self._stream or self._pieces
            out = estimate_tokens("".join(self._pieces)) if seen else self._wish.most_tokens
            usage = Usage(prompt_tokens=estimate_prompt(self._wish.messages), completion_tokens=out)
        price = self._kind.price
        return Spent(
            tokens_in=usage.prompt_tokens,
            tokens_out=usage.completion_tokens,
            money=price.of(usage.prompt_tokens, usage.completion_tokens) if price else 0.0,
            attempts=self.attempts,
            estimated=self.usage is None,
        )

    def completion(self) -> Completion:
        """The answer.

        Raises:
            UnreadableError: the endpoint withheld it.
        """
        if self.finish == "content_filter":
            raise UnreadableError("its content filter withheld the answer")
        return Completion(
            text="".join(self._pieces),
            model=self._kind.name,
            finish="length" if self.finish == "length" else "stop",
            logprob=sum(self._logprobs) / len(self._logprobs) if self._logprobs else None,
            **msgspec.structs.asdict(self.spent()),
        )


def _nothing() -> None:
    """The breaker is told later."""
