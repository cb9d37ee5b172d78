"""What a search is: a way to find chunks in an index, as data in a package."""

from __future__ import annotations

from typing import Protocol

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
        """The best `query.top` chunks, best first; `score` is what they are ordered by.

        Args:
            index: Where it is looked for.
            query: What is looked for, and who asks.
            embedder: The model of the index's vectors; not needed where only words are looked at.

        Raises:
            ProjectError: the index has no vectors, or those of another model.
            ServiceError: an endpoint of embeddings does not answer.
        """
        ...
