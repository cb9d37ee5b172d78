"""What every language model must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_model_behaves(check):
    asyncio.run(check(MyModel(…)))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

from kreis.generative.language_models.model import Completion, LanguageModel, Message, ModelError, OpenModel, Wish
from kreis.generative.language_models.tokens import estimate_prompt

__all__ = ["CHECKS", "Check"]

Check = Callable[[LanguageModel], Coroutine[Any, Any, None]]

_WISH = Wish(messages=[Message("user", "How many days has a week?")], most_tokens=12, seed=3)


async def answers_are_whole_and_counted(kind: LanguageModel) -> None:
    """An answer says who gave it, and what it cost in tokens and requests."""
    async with _opened(kind) as model:
        done = await model.complete(_WISH)
        assert done.text
        assert done.model
        assert 0 < done.tokens_in <= estimate_prompt(_WISH.messages), f"{done.tokens_in} tokens of a prompt"
        assert done.tokens_out > 0
        assert done.attempts >= 1
        assert done.money >= 0.0
        assert done.finish in ("stop", "length")


async def a_stream_ends_with_its_completion(kind: LanguageModel) -> None:
    """The pieces are the text, and the last item is what `complete` gives for the same question and seed."""
    async with _opened(kind) as model:
        items = [item async for item in model.stream(_WISH)]
        *pieces, last = items
        assert isinstance(last, Completion)
        assert all(isinstance(piece, str) for piece in pieces)
        assert "".join(map(str, pieces)) == last.text
        whole = await model.complete(_WISH)
        assert (last.text, last.model, last.finish) == (whole.text, whole.model, whole.finish)
        assert (last.tokens_in, last.tokens_out) == (whole.tokens_in, whole.tokens_out)


async def a_deadline_holds(kind: LanguageModel) -> None:
    """Without time there is no answer, but an error that says what was spent; then it answers again."""
    async with _opened(kind) as model:
        loop = asyncio.get_running_loop()
        for ask in (_completed, _streamed):
            before = loop.time()
            error = await _error(ask(model, 0.0))
            assert str(error)
            assert error.spent.tokens >= 0
            assert error.spent.money >= 0.0
            assert loop.time() - before < 5.0
        assert (await model.complete(_WISH)).text


async def who_stops_listening_leaves_it_well(kind: LanguageModel) -> None:
    """After a stream that was left, and a question that was given up, it answers."""
    async with _opened(kind) as model:
        async with aclosing(model.stream(_WISH)) as pieces:
            await anext(pieces)
        asked = asyncio.ensure_future(model.complete(_WISH))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert (await model.complete(_WISH)).text


async def several_are_answered_at_once(kind: LanguageModel) -> None:
    """Each question has its own answer."""
    async with _opened(kind) as model:
        done = await asyncio.gather(*(model.complete(_WISH) for _ in range(3)))
        assert len({each.text for each in done}) == 1


async def it_is_closed_once_and_for_all(kind: LanguageModel) -> None:
    """Closing again does nothing; what is closed, used or not, answers with an error."""
    for used in (False, True):
        model = kind.open()
        if used:
            await model.complete(_WISH)
        await model.close()
        await model.close()
        assert (await _error(_completed(model, 5.0))).spent.tokens == 0


async def it_counts_before_it_asks(kind: LanguageModel) -> None:
    """Its window and its counts are known without a question; longer texts have more tokens."""
    async with _opened(kind) as model:
        assert model.window > 0
        assert model.count("") == 0
        assert 0 < model.count("a week") < model.count("a week has seven days, or 7")


@asynccontextmanager
async def _opened(kind: LanguageModel) -> AsyncIterator[OpenModel]:
    model = kind.open()
    try:
        yield model
    finally:
        await model.close()


async def _error(asked: Coroutine[Any, Any, None]) -> ModelError:
    try:
        await asked
    except ModelError as error:
        return error
    raise AssertionError("it answered")


async def _completed(model: OpenModel, seconds: float) -> None:
    await model.complete(_within(seconds))


async def _streamed(model: OpenModel, seconds: float) -> None:
    async for _ in model.stream(_within(seconds)):
        pass


def _within(seconds: float) -> Wish:
    return Wish(messages=_WISH.messages, most_tokens=_WISH.most_tokens, deadline_s=seconds)


CHECKS: tuple[Check, ...] = (
    answers_are_whole_and_counted,
    a_stream_ends_with_its_completion,
    a_deadline_holds,
    who_stops_listening_leaves_it_well,
    several_are_answered_at_once,
    it_is_closed_once_and_for_all,
    it_counts_before_it_asks,
)
"""Each takes a model whose address and weights are there, and which answers."""
