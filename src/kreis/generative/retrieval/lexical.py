"""Search by words."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.index import Hit, Index, Query

__all__ = ["Lexical"]


class Lexical(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="lexical"):
    """By words (BM25).

    Example:

    >>> Lexical().needs_vectors
    False
    """

    @property
    def needs_vectors(self) -> bool:
        """No."""
        return False

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """The best chunks; `score` is BM25.

        Args:
            index: Where it is looked for.
            query: What is looked for, and who asks.
            embedder: The model of the index's vectors; not needed where only words are looked at.
        """
        return index.lexical(query)

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "lexical"}
