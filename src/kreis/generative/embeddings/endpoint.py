"""Embedding models behind an address."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder

__all__ = ["EndpointEmbedding"]


class EndpointEmbedding(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="embedding", tag="endpoint"
):
    """A model behind an OpenAI-compatible address, which the environment names.

    Vectors are taken for those of the model that is named here, wherever it stands: give `revision` another value when
    the endpoint changes its model under the same name.

    Example:

    >>> EndpointEmbedding(env="EMBED_URL", model="bge-m3", dimension=1024).at_once
    64
    """

    env: str
    """The variable that holds the address, as far as `/v1`; `{env}_KEY` holds the key."""
    model: str
    dimension: int
    before_passages: str = ""
    """What the model wants to stand before each text that is searched: "passage: "."""
    before_queries: str = ""
    revision: str = ""
    at_once: int = 64
    """Texts in a request."""
    timeout_s: float = 30.0
    """For each request."""
    attempts: int = 4
    """Requests for the same texts, at most."""

    def __post_init__(self) -> None:
        if self.dimension < 1 or self.at_once < 1 or self.attempts < 1 or self.timeout_s <= 0:
            raise ProjectError(
                "dimension, at_once and attempts are at least 1, timeout_s is over 0", where="EndpointEmbedding"
            )

    def open(self) -> Embedder:
        """Make it ready; nothing is asked yet.

        Raises:
            MissingLibraryError: httpx is not installed.
            ProjectError: the address is missing, or is none.
        """
        from kreis.generative.embeddings.openai import OpenAIEmbedder

        return OpenAIEmbedder(self, os.environ.get(self.env, ""), os.environ.get(f"{self.env}_KEY", ""))

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found | {"kind": "endpoint"}
