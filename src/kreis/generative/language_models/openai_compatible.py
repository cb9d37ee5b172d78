"""A model behind an OpenAI-compatible address."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from kreis.generative.language_models.model import OpenModel
from kreis.generative.language_models.prices import Price

__all__ = ["OpenAICompatible"]


class OpenAICompatible(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="model", tag="openai"
):
    """A model behind an OpenAI-compatible address, which the environment names.

    Example:

    >>> OpenAICompatible(env="LLM_URL", name="gpt-4.1-mini", window=128_000).attempts
    3
    """

    env: str
    """The variable that holds the address, as far as `/v1`; `{env}_KEY` holds the key, if one is needed."""
    name: str = ""
    """As the endpoint calls it."""
    window: int = 8192
    price: Price | None = None
    """`PriceList.load("prices.toml").of(name)`; None: it costs nothing."""
    schema: Literal["json_schema", "json_object", "none"] = "json_schema"
    """What the endpoint can be held to: JSON of a schema, JSON, or nothing."""
    logprobs: bool = False
    """Whether it tells log-probabilities."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Its name for the most tokens of an answer."""
    first_token_s: float = 20.0
    """The longest wait for the first piece of a stream, and between two."""
    attempts: int = 3
    """Requests for one answer, at most. Only one that the endpoint refused, or that never reached it, is repeated."""

    def open(self) -> OpenModel:
        """Make it ready.

        Raises:
            MissingLibraryError: httpx is not installed.
            ProjectError: the address is missing, or is none.
        """
        from kreis.generative.language_models.endpoint import Endpoint

        return Endpoint(self, os.environ.get(self.env, ""), os.environ.get(f"{self.env}_KEY", ""))
