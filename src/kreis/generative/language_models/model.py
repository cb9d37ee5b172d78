"""What a language model is: a name in a package, and, opened, what completes a conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

import msgspec

__all__ = ["Anew", "Completion", "LanguageModel", "Message", "ModelError", "OfModels", "OpenModel", "Spent", "Wish"]


class Message(msgspec.Struct, frozen=True):
    """A turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model."""

    messages: Sequence[Message]
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer, where a model can be held to one; else it is only checked."""
    most_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    deadline_s: float = 30.0
    """From now on; retries and fallbacks share it."""
    kind: str = ""
    """Kind of question, where models are routed by it."""
    tenant: str = ""
    """Whose budget pays."""
    without: tuple[str, ...] = ()
    """Models (`Completion.model`) whose answers were of no use: a chain goes on to the next. Others do not heed it."""
    anew: bool = False
    """Whether a stream that broke off may begin anew with the next model of a chain (`Anew`)."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid for, answered or not."""

    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    """By the price list; in its currency."""
    attempts: int = 0
    """Requests, the refused ones too."""
    estimated: bool = False
    """A request was not answered with its usage: what it may have cost at most is counted."""

    @property
    def tokens(self) -> int:
        """Of prompts and of what came of answers."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            money=self.money + other.money,
            attempts=self.attempts + other.attempts,
            estimated=self.estimated or other.estimated,
        )


class Completion(Spent, frozen=True, kw_only=True):
    """What a model said, and what it cost. Each paid attempt is in it once, the failed ones too."""

    text: str
    model: str
    """The one that answered: "smollm2-135m"."""
    finish: Literal["stop", "length"] = "stop"
    attempts: int = 1
    """See `Spent.attempts`."""
    fell_back: str = ""
    """Why an earlier model of a chain did not answer; empty where the first did."""
    logprob: float | None = None
    """Mean log-probability of its tokens, where a model tells."""
    alert: str = ""
    """What a person should know, though it answered: that a budget is nearly used up."""


class Anew(msgspec.Struct, frozen=True, kw_only=True):
    """In a stream: forget all pieces so far, the next model of a chain begins. Who gave out some stops here."""

    why: str
    spent: Spent
    """So far; the `Completion` has it too."""


class ModelError(Exception):
    """A model did not answer. What it `spent` is to be paid all the same."""

    def __init__(self, said: str, *, spent: Spent = Spent()) -> None:
        super().__init__(said)
        self.spent = spent


class OpenModel(Protocol):
    """A model, ready to answer. For one event loop."""

    @property
    def window(self) -> int:
        """Tokens that prompt and answer may have together."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text; an upper estimate where only the endpoint knows."""
        ...

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole.

        Raises:
            ModelError: none came in time, or the budget is used up.
        """
        ...

    def stream(self, wish: Wish) -> AsyncGenerator[str | Anew | Completion, None]:
        """Pieces of an answer as they come; the last item is the `Completion`, with all of the text. Who stops before
        closes it (`contextlib.aclosing`), which stops the model.

        Raises:
            ModelError: it broke off.
        """
        ...

    async def close(self) -> None:
        """End processes and connections."""
        ...


class OfModels:
    """What a model of several says before it is asked: any of them may be."""

    def __init__(self, models: Sequence[OpenModel]) -> None:
        self._models = models
        self.window = min(model.window for model in models)

    def count(self, text: str) -> int:
        """Tokens of a text, at most."""
        return max(model.count(text) for model in self._models)

    async def close(self) -> None:
        """End processes and connections."""
        for model in self._models:
            await model.close()


class LanguageModel(Protocol):
    """Names a model, as data in a package: a frozen struct with a tag, one of `ModelKind`. Keys and addresses come from
    the environment of the process that answers, never from the package. `kreis.generative.language_models.testing` has
    its tests.
    """

    def open(self) -> OpenModel:
        """Make it ready.

        Raises:
            MissingLibraryError: its package is not installed.
            ProjectError: a variable of the environment is missing, or there is no such model.
        """
        ...
