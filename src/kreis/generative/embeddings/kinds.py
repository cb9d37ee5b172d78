"""The kinds of embeddings that a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.embeddings.endpoint import EndpointEmbedding
from kreis.generative.embeddings.local import LocalEmbedding

__all__ = ["EmbeddingKind", "EndpointEmbedding", "LocalEmbedding"]

EmbeddingKind: TypeAlias = LocalEmbedding | EndpointEmbedding
