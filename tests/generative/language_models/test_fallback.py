"""A chain: the first model that answers, within the time of all, and each attempt accounted for once."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.generative.misbehaving import (
    Behaviour,
    Misbehaving,
    drops,
    error_in_stream,
    huge,
    invalid_json,
    long_line,
    no_http,
    refuses,
    silent,
    slow,
    truncated,
    well,
    wrong_shape,
)

from kreis.clock import SystemClock
from kreis.generative.language_models.budgeted import Budget, Budgeted
from kreis.generative.language_models.budgets import Budgets
from kreis.generative.language_models.endpoint import Endpoint
from kreis.generative.language_models.fallback import Fallback, OpenFallback
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.model import Anew, Completion, Message, ModelError, OpenModel, Spent, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.routed import OpenRouted, Route, Routed
from kreis.generative.language_models.spending import OpenBudgeted
from kreis.generative.language_models.waiting import Pace

PRICE = Price(tokens_in=100.0, tokens_out=400.0, currency="EUR", version="1", digest="0" * 64)
FIRST = OpenAICompatible(env="FIRST_URL", name="first", price=PRICE)
SECOND = OpenAICompatible(env="SECOND_URL", name="second", price=PRICE)
SHOP = Budget(name="shop", a_day=100.0)
WISH = Wish(messages=[Message("user", "How long is a week?")], most_tokens=20, deadline_s=20.0)

MISBEHAVIOURS: dict[str, tuple[Behaviour, str, int]] = {
    "slow": (slow(), "did not answer within", 1),
    "429 with Retry-After beyond the deadline": (refuses(429, retry_after="3600"), "asks to wait 3600 s", 1),
    "429 without Retry-After": (refuses(429), "it answered 429", 3),
    "500": (refuses(500), "it answered 500", 3),
    "drops the connection": (drops(), "dropped the connection", 1),
    "truncated": (truncated("A week has"), "broke off", 1),
    "silent after a piece": (silent("A week"), "", 1),
    "an error within a stream": (error_in_stream("A week"), "", 1),
    "invalid JSON": (invalid_json(), "something else than JSON", 1),
    "wrong schema": (wrong_shape(), "something else than a completion", 1),
    "no HTTP": (no_http(), "dropped the connection", 1),
    "huge body": (huge(), "", 1),
    "endless line": (long_line(), "", 1),
}
"""What the first endpoint does, why the chain falls back, and how many requests it takes to see that."""


async def _no_sleep(_: float) -> None:
    """Pauses are tested where they are made."""


@pytest.fixture(scope="module")
def bad() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture(scope="module")
def good() -> Iterator[Misbehaving]:
    with Misbehaving(well("A week has seven days.")) as server:
        yield server


@pytest.fixture
def budgets(tmp_path: Path) -> Iterator[Budgets]:
    opened = Budgets(tmp_path / "budgets.sqlite")
    yield opened
    opened.close()


def endpoint(kind: OpenAICompatible, server: Misbehaving) -> Endpoint:
    server.requests.clear()
    return Endpoint(kind, server.url, "", pace=Pace(sleep=_no_sleep))


def budgeted(kind: OpenAICompatible, server: Misbehaving, budgets: Budgets) -> OpenBudgeted:
    return OpenBudgeted(Budgeted(kind, SHOP), endpoint(kind, server), budgets, clock=SystemClock())


async def outcome(model: OpenModel, wish: Wish, *, stream: bool) -> tuple[str, Completion | ModelError]:
    pieces = ""
    try:
        if not stream:
            return pieces, await model.complete(wish)
        async for item in model.stream(wish):
            if isinstance(item, Completion):
                return pieces, item
            assert isinstance(item, str)
            pieces += item
        raise AssertionError("the stream ended without its completion")
    except ModelError as error:
        return pieces, error


def paid(done: Completion | ModelError) -> Spent:
    return done.spent if isinstance(done, ModelError) else done


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_the_next_model_answers_and_nothing_is_paid_twice(
    bad: Misbehaving, good: Misbehaving, budgets: Budgets, name: str, stream: bool
) -> None:
    behaviour, why, requests = MISBEHAVIOURS[name]
    bad.will(behaviour)
    waits = name in ("slow", "silent after a piece")
    wish = Wish(messages=WISH.messages, most_tokens=20, deadline_s=6.0 if waits else 20.0)

    async def asked() -> tuple[str, Completion | ModelError]:
        links = [budgeted(FIRST, bad, budgets), budgeted(SECOND, good, budgets)]
        chain = OpenFallback(links, share=0.1 if waits else 0.6)
        pieces, done = await outcome(chain, wish, stream=stream)
        spent = budgets.spent("shop"), budgets.set_aside_still("shop")
        assert spent == (pytest.approx(paid(done).money), 0), "each attempt is booked once"
        await chain.close()
        return pieces, done

    pieces, done = asyncio.run(asked())
    begun = stream and name in ("truncated", "silent after a piece", "an error within a stream")
    charged = bad.charged + good.charged
    spent = paid(done)
    assert len(bad.requests) == requests
    assert spent.attempts == len(bad.requests) + len(good.requests)
    assert spent.tokens_in + spent.tokens_out == charged, "the server's count of charged tokens is the accounting"
    assert spent.money == pytest.approx(
        sum(PRICE.of(each.tokens_in, each.tokens_out) for each in (*bad.requests, *good.requests))
    )
    if begun:  # what was said cannot be unsaid: it is for the caller to ask anew
        assert isinstance(done, ModelError)
        assert pieces.startswith("A week")
        assert not good.requests
        return
    assert isinstance(done, Completion)
    assert (done.text, done.model) == ("A week has seven days.", "second")
    assert pieces == (done.text if stream else "")
    assert done.fell_back.startswith("first at 127.0.0.1:")
    assert why in done.fell_back


@pytest.mark.parametrize("name", ["500", "invalid JSON", "drops the connection"])
def test_the_small_model_answers_where_the_large_one_does_not(bad: Misbehaving, name: str) -> None:
    """With a real model on this machine at the end of the chain."""
    bad.will(MISBEHAVIOURS[name][0])

    async def asked() -> Completion:
        chain = OpenFallback([endpoint(FIRST, bad), LlamaCpp("smollm2-135m", 512).open()], share=0.6)
        try:
            return await chain.complete(WISH)
        finally:
            await chain.close()

    done = asyncio.run(asked())
    assert done.text
    assert done.model == "smollm2-135m"
    assert MISBEHAVIOURS[name][1] in done.fell_back
    assert done.money == pytest.approx(sum(PRICE.of(each.tokens_in, each.tokens_out) for each in bad.requests))


@pytest.mark.parametrize("name", ["truncated", "silent after a piece", "an error within a stream"])
def test_a_stream_begins_anew_for_who_forgets_what_came_before(bad: Misbehaving, good: Misbehaving, name: str) -> None:
    bad.will(MISBEHAVIOURS[name][0])
    wish = Wish(messages=WISH.messages, most_tokens=20, deadline_s=6.0, anew=True)

    async def asked() -> list[str | Anew | Completion]:
        chain = OpenFallback([endpoint(FIRST, bad), endpoint(SECOND, good)], share=0.1)
        items = [item async for item in chain.stream(wish)]
        await chain.close()
        return items

    items = asyncio.run(asked())
    (begins,) = [number for number, item in enumerate(items) if isinstance(item, Anew)]
    anew, done = items[begins], items[-1]
    assert isinstance(anew, Anew)
    assert isinstance(done, Completion)
    assert "".join(map(str, items[:begins])).startswith("A week")
    assert "".join(map(str, items[begins + 1 : -1])) == done.text == "A week has seven days."
    assert anew.spent.tokens_in + anew.spent.tokens_out == bad.charged
    assert done.tokens_in + done.tokens_out == bad.charged + good.charged
    assert done.fell_back == anew.why


def test_the_last_model_of_a_chain_ends_a_stream(bad: Misbehaving) -> None:
    bad.will(truncated("A week"))
    begun: list[Anew] = []

    async def asked() -> None:
        chain = OpenFallback([endpoint(FIRST, bad), endpoint(SECOND, bad)], share=0.5)
        try:
            async for item in chain.stream(Wish(messages=WISH.messages, most_tokens=20, anew=True)):
                begun.extend([item] if isinstance(item, Anew) else [])
        finally:
            await chain.close()

    with pytest.raises(ModelError, match=r"first at .* second at") as caught:
        asyncio.run(asked())
    assert caught.value.spent.tokens == bad.charged
    assert len(begun) == 1


def test_a_chain_of_which_none_answers_says_why(bad: Misbehaving, good: Misbehaving) -> None:
    bad.will(drops())

    async def asked() -> ModelError:
        chain = OpenFallback([endpoint(FIRST, bad), endpoint(SECOND, bad)], share=0.6)
        _, error = await outcome(chain, WISH, stream=False)
        await chain.close()
        assert isinstance(error, ModelError)
        return error

    error = asyncio.run(asked())
    assert "first at" in str(error)
    assert "second at" in str(error)
    assert error.spent.tokens == bad.charged
    assert error.spent.attempts == len(bad.requests) == 2


class Scripted:
    """A model that takes its time by a clock of its own: for what no server can show, how a chain shares time."""

    window = 1_000

    def __init__(self, name: str, takes: float, clock: list[float]) -> None:
        self._name, self._takes, self._clock = name, takes, clock
        self.had: list[float] = []

    def count(self, text: str) -> int:
        return len(text)

    async def complete(self, wish: Wish) -> Completion:
        self.had.append(wish.deadline_s)
        self._clock[0] += min(self._takes, wish.deadline_s)
        if self._takes > wish.deadline_s:
            raise ModelError(f"{self._name}: too slow")
        return Completion(text=self._name, model=self._name, tokens_in=1, tokens_out=1)

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Completion, None]:
        yield await self.complete(wish)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("stream", [False, True])
def test_the_time_is_shared(stream: bool) -> None:
    clock = [0.0]
    models = [Scripted("a", 99, clock), Scripted("b", 99, clock), Scripted("c", 1, clock)]
    chain = OpenFallback(models, share=0.5, pace=Pace(now=lambda: clock[0]))
    _, done = asyncio.run(outcome(chain, Wish(messages=WISH.messages, deadline_s=8.0), stream=stream))
    assert isinstance(done, Completion)
    assert [model.had for model in models] == [[4.0], [2.0], [2.0]]
    assert done.fell_back == "a: too slow; b: too slow"


def test_models_whose_answers_were_of_no_use_are_left_out() -> None:
    clock = [0.0]
    models = [Scripted("a", 1, clock), Scripted("b", 1, clock)]
    chain = OpenFallback(models, share=0.5, pace=Pace(now=lambda: clock[0]))

    async def asked() -> list[str]:
        wishes = [Wish(messages=WISH.messages, without=without) for without in ((), ("a",), ("z",))]
        said = [(await chain.complete(wish)).text for wish in wishes]
        with pytest.raises(ModelError, match="no further model"):
            await chain.complete(Wish(messages=WISH.messages, without=("a", "b")))
        return said

    assert asyncio.run(asked()) == ["a", "b", "a"]


def test_a_chain_of_one_is_none() -> None:
    with pytest.raises(ValueError, match="two models or more"):
        Fallback((FIRST,))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Fallback((FIRST, SECOND), share=1.0)


# --- routes


def test_a_kind_of_question_goes_its_way(bad: Misbehaving, good: Misbehaving) -> None:
    bad.will(well("small talk"))

    async def asked() -> list[str]:
        small, large = endpoint(FIRST, bad), endpoint(SECOND, good)
        model = OpenRouted({"greeting": small}, {"small": small, "large": large}, large)
        said: list[Any] = []
        for kind in ("greeting", "contract", ""):
            wish = Wish(messages=WISH.messages, kind=kind)
            said.append((await model.complete(wish)).model)
            said.append([item async for item in model.stream(wish)][-1].model)
        await model.close()
        return said

    assert asyncio.run(asked()) == ["first", "first", "second", "second", "second", "second"]


def test_a_route_leads_to_a_model() -> None:
    with pytest.raises(ValueError, match="leads to 'medium', which is none of the models"):
        Routed(models={"small": FIRST}, routes=(Route(kind="greeting", model="medium"),), otherwise="small")
    with pytest.raises(ValueError, match="leads to 'large'"):
        Routed(models={"small": FIRST}, routes=(), otherwise="large")
