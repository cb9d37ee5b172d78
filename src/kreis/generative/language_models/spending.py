"""A model with a budget, opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

import msgspec

from kreis.clock import Clock, SystemClock
from kreis.errors import StoreError
from kreis.generative.language_models.budgets import Budgets, Receipt, UsedUpError
from kreis.generative.language_models.model import Anew, Completion, ModelError, OpenModel, Wish
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.tokens import estimate_prompt

if TYPE_CHECKING:
    from kreis.generative.language_models.budgeted import Budgeted

__all__ = ["OpenBudgeted"]

T = TypeVar("T")


class OpenBudgeted:
    """See `OpenModel`. Before an answer the most that it may cost is set aside; afterwards its real cost is booked.

    Where nobody can say afterwards (the process was killed, the caller went away), what was set aside stays booked.
    """

    def __init__(self, kind: Budgeted, model: OpenModel, budgets: Budgets, *, clock: Clock = SystemClock()) -> None:
        assert kind.of.price is not None
        self._budget, self._price, self._name = kind.budget, kind.of.price, kind.of.name
        self._model, self._budgets, self._clock = model, budgets, clock
        self.window, self.count = model.window, model.count

    async def close(self) -> None:
        """End connections."""
        await self._model.close()
        self._budgets.close()

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        receipt = await self._set_aside(wish)
        try:
            done = await self._model.complete(wish)
        except ModelError as error:
            await self._book(receipt, error.spent.money)
            raise
        return msgspec.structs.replace(done, alert=await self._book(receipt, done.money))

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Anew | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        receipt = await self._set_aside(wish)
        try:
            async with aclosing(self._model.stream(wish)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        yield msgspec.structs.replace(piece, alert=await self._book(receipt, piece.money))
                    else:
                        yield piece
        except ModelError as error:
            await self._book(receipt, error.spent.money)
            raise

    async def _set_aside(self, wish: Wish) -> Receipt:
        most = most_money(self._price, wish)
        day = self._clock.now().date().isoformat()
        return await self._kept(lambda: self._budgets.set_aside(self._budget, wish.tenant, day, most))

    async def _book(self, receipt: Receipt, money: float) -> str:
        return await self._kept(lambda: self._budgets.book(self._budget, receipt, money))

    async def _kept(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except UsedUpError as error:
            raise ModelError(f"{self._name}: {error}") from None
        except StoreError as error:
            raise ModelError(f"{self._name}: its budget cannot be asked ({error.message})") from error


def most_money(price: Price, wish: Wish) -> float:
    """The most that an answer may cost."""
    return price.of(estimate_prompt(wish.messages), wish.most_tokens)
