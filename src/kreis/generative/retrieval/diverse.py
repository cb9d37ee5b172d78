"""Search for chunks that do not say the same."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.index import Hit, Index, Query
from kreis.generative.retrieval.dense import Dense
from kreis.generative.retrieval.hybrid import Hybrid
from kreis.generative.retrieval.lexical import Lexical

__all__ = ["Diverse"]


class Diverse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="search", tag="diverse"):
    """Another search, whose hits are chosen one by one: like the question, and unlike those that are chosen already.

    Maximal marginal relevance (Carbonell and Goldstein 1998). How alike two are is their cosine, on a scale from the
    least of all hits to 1: models differ in how near they put what has nothing in common.

    Example:

    >>> Diverse(Hybrid(), apart=0.5).among
    50
    """

    needs_vectors: ClassVar[bool] = True
    of: Lexical | Dense | Hybrid
    """The other search."""
    apart: float = 0.3
    """What being unlike the others counts; being like the question has the rest."""
    among: int = 50
    """How many of the other search's hits are chosen from."""

    def __post_init__(self) -> None:
        if not 0 <= self.apart < 1 or self.among < 1:
            raise ProjectError(
                f"apart={self.apart}, among={self.among}", where="Diverse", hint="apart: 0 to below 1; among: 1 or more"
            )

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """See `Search.find`; in the order in which they were chosen, with the other search's score over its best."""
        if not index.embedding:
            raise ProjectError(
                "it has no vectors to tell what is alike",
                where=f"index {index.version[:12]}",
                hint="build it with an embedding",
            )
        wide = msgspec.structs.replace(query, top=max(self.among, query.top))
        hits = [hit for hit in self.of.find(index, wide, embedder) if hit.score > 0]
        if not hits:
            return []
        vectors = index.vectors([hit.chunk for hit in hits])
        cosines = vectors @ vectors.T
        between = (cosines - cosines.min()) / max(1 - float(cosines.min()), 1e-6)
        worth = np.array([hit.score for hit in hits]) / hits[0].score
        alike = np.zeros(len(hits))
        gain = worth.copy()
        chosen: list[int] = []
        while len(chosen) < min(query.top, len(hits)):
            chosen.append(int(np.argmax(gain)))
            alike = np.maximum(alike, between[chosen[-1]])
            gain = (1 - self.apart) * worth - self.apart * alike
            gain[chosen] = -np.inf
        return [msgspec.structs.replace(hits[place], score=float(worth[place])) for place in chosen]
