"""A chain of models: the first that answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

import msgspec

from kreis.generative.language_models.model import Anew, Completion, ModelError, OfModels, OpenModel, Spent, Wish
from kreis.generative.language_models.routed import Routed, Single
from kreis.generative.language_models.waiting import Deadline, Pace

__all__ = ["Fallback", "OpenFallback"]


class Fallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="fallback"):
    """The first model of a chain that answers; `Completion.fell_back` says why the earlier ones did not.

    Example:

    >>> from kreis import LlamaCpp, OpenAICompatible
    >>> chain = Fallback((OpenAICompatible(env="LLM_URL", name="large"), LlamaCpp("smollm2-135m")))
    >>> [model.name for model in chain.models]
    ['large', 'smollm2-135m']
    """

    models: tuple[Single | Routed, ...]
    share: float = 0.6
    """Of the time that is left, what a model has before the next is asked; the last one has all of it."""

    def __post_init__(self) -> None:
        if len(self.models) < 2:
            raise ValueError("a chain has two models or more")
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}; it lies between 0 and 1")

    def open(self) -> OpenModel:
        """Make all of its models ready.

        Raises:
            MissingLibraryError: as its models.
            ProjectError: as its models.
        """
        return OpenFallback([model.open() for model in self.models], self.share)


class OpenFallback(OfModels):
    """See `OpenModel`. A stream that broke off after a piece goes on with another model only for who asks for it
    (`Wish.anew`) and forgets what came before: that one says something else. For others it ends with an error.
    """

    def __init__(self, models: Sequence[OpenModel], share: float, *, pace: Pace = Pace()) -> None:
        super().__init__(models)
        self._share, self._pace = share, pace
        self._named: dict[str, int] = {}
        """Which link answered under which name, as far as they have answered."""

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        chain = _Chain(wish, self._pace)
        for number, model, mine in self._links(chain):
            try:
                done = await model.complete(mine)
            except ModelError as error:
                chain.failed(error)
                continue
            self._named[done.model] = number
            return chain.joined(done)
        raise chain.error()

    async def stream(self, wish: Wish) -> AsyncGenerator[str | Anew | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        chain = _Chain(wish, self._pace)
        for number, model, mine in self._links(chain):
            begun = False
            try:
                async with aclosing(model.stream(mine)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Completion):
                            self._named[piece.model] = number
                            yield chain.joined(piece)
                            return
                        begun = True
                        yield piece
            except ModelError as error:
                chain.failed(error)
                if begun and not wish.anew:
                    break
                if begun and not chain.last:
                    yield Anew(why=str(error), spent=chain.spent)
        raise chain.error()

    def _links(self, chain: _Chain) -> Iterator[tuple[int, OpenModel, Wish]]:
        """Each model in turn that may be of use, with its part of the time."""
        without = {self._named.get(name) for name in chain.wish.without}
        left = [number for number in range(len(self._models)) if number not in without]
        for number in left:
            time = chain.deadline.left * (1.0 if number == left[-1] else self._share)
            chain.last = number == left[-1]
            if time > 0:
                yield number, self._models[number], msgspec.structs.replace(chain.wish, deadline_s=time)


class _Chain:
    """One answer, and what went wrong on the way to it."""

    def __init__(self, wish: Wish, pace: Pace) -> None:
        self.wish, self.deadline = wish, Deadline(wish.deadline_s, pace.now)
        self.spent = Spent()
        self.last = False
        """Whether the model that is asked is the last one."""
        self._why: list[str] = []

    def failed(self, error: ModelError) -> None:
        """A model did not answer."""
        self._why.append(str(error))
        self.spent += error.spent

    def joined(self, done: Completion) -> Completion:
        """An answer, with what the models before it cost."""
        fell_back = "; ".join([*self._why, *([done.fell_back] if done.fell_back else [])])
        return msgspec.structs.replace(done, fell_back=fell_back, **msgspec.structs.asdict(self.spent + done))

    def error(self) -> ModelError:
        """None answered."""
        return ModelError("; ".join(self._why) or "no further model is in the chain", spent=self.spent)
