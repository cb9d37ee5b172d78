"""What a search is: a way to find chunks in an index, as data in a package."""

from __future__ import annotations

from typing import Any, Protocol

from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.index import Hit, Index, Query

__all__ = ["Search"]


class Search(Protocol):
    """Finds chunks: a frozen struct with a tag, one of `SearchKind`. Its tests: `tests/generative/retrieval/`."""

    @property
    def needs_vectors(self) -> bool:
        """Whether the index needs an embedding model."""
        ...

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """The best `query.top` chunks, best first; `score` is what they are ordered by."""
        ...

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        ...
