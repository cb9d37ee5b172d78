"""Search by words."""

from __future__ import annotations

from typing import ClassVar

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

    needs_vectors: ClassVar[bool] = False

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """See `Search.find`; `score` is BM25."""
        return index.lexical(query)
