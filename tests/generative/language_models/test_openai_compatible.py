"""An OpenAI-compatible endpoint against a real server that misbehaves: what is retried, what is paid, what is said."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.generative.misbehaving import (
    Behaviour,
    Misbehaving,
    drops,
    endless,
    error_in_stream,
    huge,
    invalid_json,
    long_line,
    no_http,
    redirects,
    refuses,
    silent,
    slow,
    truncated,
    well,
    wrong_shape,
)

from kreis.errors import ProjectError
from kreis.generative.language_models.breaker import Breaker
from kreis.generative.language_models.endpoint import Endpoint
from kreis.generative.language_models.model import Completion, Message, ModelError, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.waiting import Pace

KEY = "sk-0123456789abcdef"
PRICE = Price(tokens_in=100.0, tokens_out=400.0, currency="EUR", version="1", digest="0" * 64)
KIND = OpenAICompatible(env="LLM_URL", name="m", price=PRICE)
WISH = Wish(messages=[Message("system", "Be brief."), Message("user", "How long is a week?")], most_tokens=50)


@dataclass
class Waits:
    """A clock that only moves while somebody waits on it."""

    at: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def pace(self, chance: float = 1.0) -> Pace:
        return Pace(now=self.now, sleep=self.sleep, chance=lambda: chance)


@pytest.fixture(scope="module")
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits()


def ask(
    server: Misbehaving,
    waits: Waits,
    *behaviours: Behaviour,
    stream: bool = False,
    wish: Wish = WISH,
    kind: OpenAICompatible = KIND,
    **more: Any,
) -> tuple[list[str], Completion | ModelError]:
    """The pieces, and how it ended; the server has forgotten earlier requests."""
    server.requests.clear()
    server.will(*behaviours)

    async def asked() -> tuple[list[str], Completion | ModelError]:
        model = Endpoint(kind, server.url, KEY, **{"pace": waits.pace(), **more})
        pieces: list[str] = []
        try:
            if not stream:
                return pieces, await model.complete(wish)
            async with aclosing(model.stream(wish)) as items:
                async for item in items:
                    if isinstance(item, Completion):
                        return pieces, item
                    pieces.append(item)
            raise AssertionError("the stream ended without its completion")
        except ModelError as error:
            return pieces, error
        finally:
            await model.close()

    return asyncio.run(asked())


def errors(outcome: tuple[list[str], Completion | ModelError]) -> ModelError:
    assert isinstance(outcome[1], ModelError), outcome
    return outcome[1]


def answers(outcome: tuple[list[str], Completion | ModelError]) -> Completion:
    assert isinstance(outcome[1], Completion), outcome
    return outcome[1]


# --- what is sent and read


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_and_its_cost(server: Misbehaving, waits: Waits, stream: bool) -> None:
    pieces, done = ask(server, waits, well("A week has seven days.", logprobs=True), stream=stream)
    assert isinstance(done, Completion)
    assert done.text == "A week has seven days."
    assert pieces == (["A", " week", " has", " seven", " days."] if stream else [])
    (request,) = server.requests
    assert (done.tokens_in, done.tokens_out) == (request.tokens_in, request.tokens_out)
    assert done.money == pytest.approx((100 * done.tokens_in + 400 * done.tokens_out) / 1e6)
    assert (done.attempts, done.estimated, done.logprob) == (1, False, -0.5)
    assert request.key == f"Bearer {KEY}"
    assert request.path == "/v1/chat/completions"
    body = {name: request.body[name] for name in ("model", "max_tokens", "temperature", "seed")}
    assert body == {"model": "m", "max_tokens": 50, "temperature": 0.0, "seed": 0}
    assert request.body["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("stream", [False, True])
def test_without_usage_tokens_are_estimated_and_it_is_said(server: Misbehaving, waits: Waits, stream: bool) -> None:
    done = answers(ask(server, waits, well("A week has seven days.", usage=False), stream=stream))
    assert done.estimated
    assert done.tokens_in + done.tokens_out == server.charged


def test_the_end_for_length_is_said(server: Misbehaving, waits: Waits) -> None:
    assert answers(ask(server, waits, well(finish="length"))).finish == "length"
    assert answers(ask(server, waits, well(finish="length"), stream=True)).finish == "length"
    withheld = errors(ask(server, waits, well(finish="content_filter")))
    assert "withheld" in str(withheld)
    assert withheld.spent.tokens == server.charged


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def held(schema: Any, *, strict: bool) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


@pytest.mark.parametrize(
    ("offered", "schema", "sent"),
    [
        ("json_schema", SCHEMA, held(SCHEMA, strict=True)),
        ("json_schema", SCHEMA | {"required": []}, held(SCHEMA | {"required": []}, strict=False)),
        ("json_object", SCHEMA, {"type": "json_object"}),
        ("none", SCHEMA, None),
        ("json_schema", None, None),
    ],
)
def test_a_schema_is_asked_for_as_it_is_offered(
    server: Misbehaving, waits: Waits, offered: Any, schema: Any, sent: Any
) -> None:
    kind = OpenAICompatible(env="LLM_URL", name="m", schema=offered, logprobs=True)
    ask(server, waits, well(), kind=kind, wish=Wish(messages=WISH.messages, schema=schema))
    assert server.requests[0].body.get("response_format") == sent
    assert server.requests[0].body["logprobs"] is True


def test_connections_are_kept(server: Misbehaving, waits: Waits) -> None:
    server.will(well())

    async def asked() -> int:
        model = Endpoint(KIND, server.url, "", pace=waits.pace())
        for _ in range(3):
            await model.complete(WISH)
        connections = len(model._client._transport._pool.connections)  # type: ignore[attr-defined]
        await model.close()
        return connections

    assert asyncio.run(asked()) == 1


# --- what is asked again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_tried_again_and_costs_nothing(
    server: Misbehaving, waits: Waits, status: int, stream: bool
) -> None:
    done = answers(ask(server, waits, refuses(status), refuses(status), well(), stream=stream))
    assert server.statuses == [status, status, 200]
    assert done.attempts == 3
    assert done.tokens_in + done.tokens_out == server.charged == server.requests[2].charged
    assert waits.slept == [0.5, 1.0], "twice as long each time, the chance being 1"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_is_wrong_with_the_request_is_not_tried_again(server: Misbehaving, waits: Waits, status: int) -> None:
    error = errors(ask(server, waits, refuses(status), well()))
    assert str(error) == f"m at {server.url[7:-3]}: it answered {status}"
    assert (error.spent.attempts, error.spent.tokens) == (1, 0)
    assert not waits.slept


def test_pauses_are_by_chance(server: Misbehaving, waits: Waits) -> None:
    ask(server, waits, refuses(500), refuses(500), well(), pace=waits.pace(chance=0.25))
    assert waits.slept == [0.125, 0.25]


def test_it_gives_up_after_its_attempts(server: Misbehaving, waits: Waits) -> None:
    error = errors(ask(server, waits, refuses(500)))
    assert len(server.requests) == error.spent.attempts == 3
    assert "it answered 500" in str(error)


def test_retry_after_is_heeded(server: Misbehaving, waits: Waits) -> None:
    done = answers(ask(server, waits, refuses(429, retry_after="7"), well()))
    assert done.attempts == 2
    assert waits.slept == [7.0]


def test_retry_after_as_a_moment_is_held_against_the_servers_clock(server: Misbehaving, waits: Waits) -> None:
    asked = refuses(429, retry_after="Thu, 26 Nov 2026 12:00:09 GMT", date="Thu, 26 Nov 2026 12:00:00 GMT")
    answers(ask(server, waits, asked, well()))
    assert waits.slept == [9.0]


@pytest.mark.parametrize("asked", ["31", "99999999999", "soon", "-1"])
def test_retry_after_beyond_the_deadline_or_unreadable(server: Misbehaving, waits: Waits, asked: str) -> None:
    outcome = ask(server, waits, refuses(429, retry_after=asked), well())
    if asked == "31":
        assert "asks to wait 31 s" in str(errors(outcome))
        assert not waits.slept
    else:
        answers(outcome)
        assert waits.slept == [0.5]


def test_the_deadline_is_shared_by_all_attempts(server: Misbehaving, waits: Waits) -> None:
    wish = Wish(messages=WISH.messages, deadline_s=0.9)
    error = errors(ask(server, waits, refuses(500), wish=wish))
    assert waits.slept == [0.5], "a pause of 1 s does not fit into the 0.4 s that are left"
    assert error.spent.attempts == 2


def test_what_cannot_be_reached_is_tried_again(waits: Waits) -> None:
    with Misbehaving() as gone:
        url = gone.url

    async def asked() -> None:
        model = Endpoint(KIND, url, KEY, pace=waits.pace())
        try:
            await model.complete(WISH)
        finally:
            await model.close()

    with pytest.raises(ModelError, match="cannot be reached") as caught:
        asyncio.run(asked())
    assert (caught.value.spent.attempts, caught.value.spent.tokens) == (3, 0)


# --- what may have been paid is never asked again

LOST: dict[str, Behaviour] = {
    "drops": drops(),
    "truncated": truncated("A week has"),
    "invalid JSON": invalid_json(),
    "no completion": wrong_shape(),
    "no choices": wrong_shape({"choices": []}),
    "no text": wrong_shape({"choices": [{"index": 0}]}),
    "a list": wrong_shape([1]),
    "negative counts": wrong_shape({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 0}}),
    "an error": wrong_shape({"error": {"message": f"wrong key {KEY}"}}),
    "no UTF-8": invalid_json(b'{"choices": [{"message": {"content": "\xff"}, "finish_reason": "stop"}]}'),
    "no HTTP": no_http(),
    "huge": huge(),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", LOST)
def test_what_was_worked_on_is_paid_once_and_never_asked_again(
    server: Misbehaving, waits: Waits, name: str, stream: bool
) -> None:
    error = errors(ask(server, waits, LOST[name], well(), stream=stream))
    assert len(server.requests) == error.spent.attempts == 1
    assert error.spent.estimated
    assert error.spent.tokens == server.charged > 0
    assert error.spent.money == pytest.approx(PRICE.of(error.spent.tokens_in, error.spent.tokens_out))
    assert KEY not in str(error)
    assert not waits.slept


def test_a_stream_that_breaks_off_costs_what_came(server: Misbehaving, waits: Waits) -> None:
    for behaviour in (truncated("A week has"), error_in_stream("A week has")):
        pieces, error = ask(server, waits, behaviour, stream=True)
        assert "".join(pieces) == "A week has"
        assert isinstance(error, ModelError)
        assert error.spent.tokens == server.charged


@pytest.mark.parametrize("stream", [False, True])
def test_the_deadline_ends_a_wait(server: Misbehaving, stream: bool) -> None:
    wish = Wish(messages=WISH.messages, most_tokens=50, deadline_s=0.5)
    error = errors(ask(server, Waits(), slow(), stream=stream, wish=wish, pace=Pace()))
    assert "did not answer within 0.5 s" in str(error)
    assert error.spent.tokens == server.charged > 0


@pytest.mark.parametrize("behaviour", [slow(), silent()], ids=["first", "next"])
def test_a_stream_waits_for_a_piece_only_so_long(server: Misbehaving, behaviour: Behaviour) -> None:
    kind = OpenAICompatible(env="LLM_URL", name="m", first_token_s=0.5)
    error = errors(ask(server, Waits(), behaviour, stream=True, kind=kind, pace=Pace()))
    assert "0.5 s" in str(error)
    assert error.spent.tokens == server.charged > 0


def test_an_answer_without_end_is_cut(server: Misbehaving, waits: Waits) -> None:
    pieces, error = ask(server, waits, endless(), stream=True)
    assert isinstance(error, ModelError)
    assert "says more than the 50 tokens" in str(error)
    assert len("".join(pieces)) < 33 * 60
    for behaviour, why in ((endless(), "over 100,000 bytes"), (huge(), "over 100,000 bytes")):
        assert why in str(errors(ask(server, waits, behaviour, largest=100_000)))
    assert "a line of its stream" in str(errors(ask(server, waits, long_line(), stream=True)))
    empty = errors(ask(server, waits, endless(""), stream=True, largest=100_000))
    assert "does not end" in str(empty)


def test_a_redirect_is_not_followed(server: Misbehaving, waits: Waits) -> None:
    with Misbehaving() as other:
        error = errors(ask(server, waits, redirects(f"{other.url}/chat/completions")))
        assert "it answered 307; set the address to where it leads" in str(error)
        assert not other.requests


def test_it_stops_when_nobody_listens(server: Misbehaving, waits: Waits) -> None:
    """The connection is closed, so the endpoint can stop working."""
    server.will(silent("A week"), well())

    async def left() -> str:
        breaker = Breaker(failures=1)
        model = Endpoint(KIND, server.url, "", pace=waits.pace(), breaker=breaker)
        async with aclosing(model.stream(WISH)) as pieces:
            assert await anext(pieces) == "A week"
        asked = asyncio.ensure_future(model.complete(WISH))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await model.close()
        return breaker.state

    assert asyncio.run(left()) == "closed"


# --- the breaker


def test_the_breaker_leaves_a_sick_endpoint_alone(server: Misbehaving, waits: Waits) -> None:
    breaker = Breaker(failures=3, pause_s=20.0, now=waits.now)
    more: dict[str, Any] = {"breaker": breaker, "kind": OpenAICompatible(env="LLM_URL", name="m", attempts=1)}
    for behaviour in (refuses(500), drops(), wrong_shape()):
        assert breaker.state == "closed"
        errors(ask(server, waits, behaviour, **more))
    assert breaker.state == "open"
    left_alone = errors(ask(server, waits, well(), **more))
    assert "is left alone for 20.0 s" in str(left_alone)
    assert not server.requests
    assert left_alone.spent.attempts == 0

    waits.at += 20
    assert breaker.state == "half-open"
    errors(ask(server, waits, refuses(503), **more))
    assert "40.0 s" in str(errors(ask(server, waits, well(), **more)))
    waits.at += 40
    answers(ask(server, waits, well(), **more))
    assert breaker.state == "closed"


def test_a_busy_endpoint_is_not_sick(server: Misbehaving, waits: Waits) -> None:
    breaker = Breaker(failures=1, now=waits.now)
    errors(ask(server, waits, refuses(429), breaker=breaker))
    errors(ask(server, waits, refuses(401), breaker=breaker))
    assert breaker.state == "closed"


# --- addresses and keys


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/v1",
        "host/v1",
        "http://",
        "http://user:secret@host/v1",
        "http://host/v1?key=secret",
        "http://host/v1#secret",
        "http://host /v1",
        "http://host/v1\r\nX: secret",
        "http://host:port/v1",
        "http://höst/v1",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ProjectError, match="the address of the language model") as caught:
        Endpoint(KIND, address, "")
    assert "secret" not in str(caught.value)


def test_a_key_that_is_none() -> None:
    with pytest.raises(ProjectError, match="LLM_URL_KEY") as caught:
        Endpoint(KIND, "http://127.0.0.1/v1", "sec\nret")
    assert "ret" not in caught.value.message.replace("printable", "")


def test_an_address_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_URL", raising=False)
    with pytest.raises(ProjectError, match="set LLM_URL=https"):
        KIND.open()
    monkeypatch.setenv("LLM_URL", "https://llm.example/v1/")
    monkeypatch.setenv("LLM_URL_KEY", KEY)

    async def opened() -> None:
        model = KIND.open()
        assert isinstance(model, Endpoint)
        assert model._url == "https://llm.example/v1/chat/completions"
        assert KEY not in repr(model) + str(vars(model))
        await model.close()

    asyncio.run(opened())
