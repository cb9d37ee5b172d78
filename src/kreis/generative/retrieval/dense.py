"""Search by vectors."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.index.index import Hit, Index, Query

__all__ = ["Dense", "vector_of"]


class Dense(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="dense"):
    """By vectors.

    Example:

    >>> Dense().needs_vectors
    True
    """

    needs_vectors: ClassVar[bool] = True

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """See `Search.find`; `score` is the cosine."""
        return index.dense(query, vector_of(index, query, embedder))


def vector_of(index: Index, query: Query, embedder: Embedder | None) -> Vectors:
    """The vector of a question, shape (1, d), by the model that the index was made with.

    Raises:
        ProjectError: it is not that model.
        ServiceError: an endpoint of embeddings does not answer.
    """
    if embedder is None or embedder.digest != index.embedding:
        raise ProjectError(
            "its vectors come from another embedding model" if index.embedding else "it has no vectors",
            where=f"index {index.version[:12]}",
            hint="give the search the embedding that the index was built with, or build one with this embedding",
        )
    return embedder.queries([query.text])
