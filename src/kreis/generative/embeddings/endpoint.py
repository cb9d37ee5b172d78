"""Embedding models behind an address."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder

__all__ = ["EndpointEmbedding"]


class EndpointEmbedding(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="embedding", tag="endpoint"
):
    """A model behind an OpenAI-compatible address, which the environment names."""

    env: str
    """The variable that holds the address; `{env}_KEY` holds the key."""
    model: str
    dimension: int

    def open(self) -> Embedder:
        """Not yet.

        Raises:
            ProjectError: always.
        """
        raise ProjectError("embeddings of endpoints can't be opened yet", where=self.model)

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "endpoint", "env": self.env, "model": self.model, "dimension": self.dimension}
