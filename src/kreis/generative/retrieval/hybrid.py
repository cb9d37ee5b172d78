"""Search by words and vectors."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.index.index import Hit, Index, Query
from kreis.generative.retrieval.dense import vector_of
from kreis.generative.retrieval.joining import joined

__all__ = ["Hybrid"]


class Hybrid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="hybrid"):
    """By both, joined by weighted reciprocal rank (Cormack et al. 2009).

    Example:

    >>> Hybrid(lexical=0.4).depth
    100
    """

    needs_vectors: ClassVar[bool] = True
    lexical: float = 0.5
    """Weight of the words; the vectors have the rest."""
    depth: int = 100
    """How many hits of each are joined."""

    def __post_init__(self) -> None:
        if not 0 <= self.lexical <= 1 or self.depth < 1:
            raise ProjectError(
                f"lexical={self.lexical}, depth={self.depth}", where="Hybrid", hint="lexical: 0 to 1; depth: 1 or more"
            )

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """See `Search.find`; `score` is the joined reciprocal rank, 1 where a chunk is the first of both."""
        vector = vector_of(index, query, embedder)
        deep = msgspec.structs.replace(query, top=max(self.depth, query.top))
        found = joined(
            [(self.lexical, index.lexical(deep)), (1 - self.lexical, index.dense(deep, vector))], top=query.top
        )
        cosines = _cosines(index, vector, [hit.chunk for hit in found])
        return [msgspec.structs.replace(hit, dense=cosine) for hit, cosine in zip(found, cosines, strict=True)]


def _cosines(index: Index, vector: Vectors, chunks: list[int]) -> list[float]:
    """Of chunks that only their words brought, too: signals and re-rankers ask for it."""
    cosines: list[float] = np.asarray(index.vectors(chunks) @ vector[0]).tolist() if chunks else []
    return cosines
