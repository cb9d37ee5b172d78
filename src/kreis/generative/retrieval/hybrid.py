"""Search by words and vectors."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.index.index import Hit, Index, Query
from kreis.generative.retrieval.dense import vector_of

__all__ = ["Hybrid"]

_CONSTANT: Final = 60
"""k of reciprocal rank fusion, as in its paper."""


class Hybrid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="hybrid"):
    """By both, joined by weighted reciprocal rank (Cormack et al. 2009).

    Example:

    >>> Hybrid(lexical=0.4).parameters()["lexical"]
    0.4
    """

    lexical: float = 0.5
    """Weight of the words; the vectors have the rest."""
    depth: int = 100
    """How many hits of each are joined."""

    def __post_init__(self) -> None:
        if not 0 <= self.lexical <= 1 or self.depth < 1:
            raise ProjectError(
                f"lexical={self.lexical}, depth={self.depth}", where="Hybrid", hint="lexical: 0 to 1; depth: 1 or more"
            )

    @property
    def needs_vectors(self) -> bool:
        """Yes."""
        return True

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """The best chunks; `score` is the joined reciprocal rank, 1 where a chunk is the first of both.

        Args:
            index: Where it is looked for.
            query: What is looked for, and who asks.
            embedder: The model of the index's vectors; not needed where only words are looked at.

        Raises:
            ProjectError: the index has no vectors, or those of another model.
            ServiceError: an endpoint of embeddings does not answer.
        """
        vector = vector_of(index, query, embedder)
        deep = msgspec.structs.replace(query, top=max(self.depth, query.top))
        found = {"lexical": index.lexical(deep), "dense": index.dense(deep, vector)}
        weights = {"lexical": self.lexical, "dense": 1 - self.lexical}
        scores: dict[int, float] = {}
        hits: dict[int, Hit] = {}
        for name, ranked in found.items():
            for rank, hit in enumerate(ranked):
                scores[hit.chunk] = scores.get(hit.chunk, 0.0) + weights[name] * (_CONSTANT + 1) / (
                    _CONSTANT + 1 + rank
                )
                hits.setdefault(hit.chunk, hit)
        best = sorted((chunk for chunk in scores if scores[chunk] > 0), key=lambda chunk: (-scores[chunk], chunk))
        best = best[: query.top]
        cosines = _cosines(index, vector, best)
        return [
            msgspec.structs.replace(hits[chunk], score=scores[chunk], dense=cosine)
            for chunk, cosine in zip(best, cosines, strict=True)
        ]

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "hybrid", "lexical": self.lexical, "depth": self.depth}


def _cosines(index: Index, vector: Vectors, chunks: list[int]) -> list[float]:
    """Of chunks that only their words brought, too: signals and re-rankers ask for it."""
    cosines: list[float] = np.asarray(index.vectors(chunks) @ vector[0]).tolist() if chunks else []
    return cosines
