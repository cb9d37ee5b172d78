"""A model for each kind of question."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TypeAlias

import msgspec

from kreis.generative.language_models.budgeted import Budgeted
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.model import Anew, Completion, OfModels, OpenModel, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["OpenRouted", "Route", "Routed", "Single"]

Single: TypeAlias = LlamaCpp | OpenAICompatible | Budgeted
"""One model, which may have a budget."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model answers a kind of question, and what was measured (`kreis.evaluation.model_routes`).

    Example:

    >>> Route(kind="where", model="small").model
    'small'
    """

    kind: str
    model: str
    """By its name in `Routed.models`."""
    questions: int = 0
    """How many it was measured on."""
    quality: float = 0.0
    """Mean of its questions, 0 to 1."""
    money: float = 0.0
    """A question."""
    worse_by: float = 0.0
    """It is shown not to be worse than any other model by more than this."""


class Routed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="model", tag="routed"):
    """Sends each question to the model that was measured to be right for its kind (`Wish.kind`).

    Example:

    >>> models = {"small": LlamaCpp("smollm2-135m"), "large": OpenAICompatible(env="LLM_URL", name="large")}
    >>> routed = Routed(models=models, routes=(Route(kind="where", model="small"),), otherwise="large")
    >>> routed.routes[0].model
    'small'
    """

    models: dict[str, Single]
    routes: tuple[Route, ...]
    otherwise: str
    """The model of a kind that has no route."""

    def __post_init__(self) -> None:
        for name in (self.otherwise, *(route.model for route in self.routes)):
            if name not in self.models:
                raise ValueError(f"a route leads to {name!r}, which is none of the models {sorted(self.models)}")

    def open(self) -> OpenModel:
        """Make all of its models ready.

        Raises:
            MissingLibraryError: as its models.
            ProjectError: as its models.
        """
        models = {name: model.open() for name, model in self.models.items()}
        return OpenRouted({route.kind: models[route.model] for route in self.routes}, models, models[self.otherwise])


class OpenRouted(OfModels):
    """See `OpenModel`."""

    def __init__(self, routes: Mapping[str, OpenModel], models: Mapping[str, OpenModel], otherwise: OpenModel) -> None:
        super().__init__(list(models.values()))
        self._routes, self._otherwise = routes, otherwise

    async def complete(self, wish: Wish) -> Completion:
        """An answer as a whole; see `OpenModel.complete`."""
        return await self._of(wish).complete(wish)

    def stream(self, wish: Wish) -> AsyncGenerator[str | Anew | Completion, None]:
        """Pieces of an answer; see `OpenModel.stream`."""
        return self._of(wish).stream(wish)

    def _of(self, wish: Wish) -> OpenModel:
        return self._routes.get(wish.kind, self._otherwise)
