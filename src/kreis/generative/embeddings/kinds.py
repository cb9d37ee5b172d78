"""The kinds of embeddings that a package may name."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["EmbeddingKind", "EndpointEmbedding", "LocalEmbedding"]


class LocalEmbedding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="embedding", tag="local"):
    """A model whose weights lie in an installed package."""

    model: str


class EndpointEmbedding(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="embedding", tag="endpoint"
):
    """A model behind an OpenAI-compatible address, which the environment names."""

    env: str
    """The variable that holds the address; `{env}_KEY` holds the key."""
    model: str
    dimension: int


EmbeddingKind: TypeAlias = LocalEmbedding | EndpointEmbedding
