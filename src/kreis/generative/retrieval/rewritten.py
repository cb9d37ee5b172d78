"""Search for a question in other words, too."""

from __future__ import annotations

import msgspec

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.index import Hit, Index, Query
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.retrieval.dense import Dense
from kreis.generative.retrieval.diverse import Diverse
from kreis.generative.retrieval.hybrid import Hybrid
from kreis.generative.retrieval.joining import joined
from kreis.generative.retrieval.lexical import Lexical

__all__ = ["Rewritten"]

_MOST = 5


class Rewritten(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="search", tag="rewritten"):
    """Another search, for the question and for other wordings of it that a language model gives; the hits are joined by
    weighted reciprocal rank (RAG fusion: Rackauckas 2024; the first wording of a turn of a conversation stands alone:
    Elgohary et al. 2019).

    Whoever answers asks the model (`kreis.generative.retrieval.rewriting`); where it gives nothing in time, the
    question is searched as it is, and the answer says so.

    Example:

    >>> from kreis import LlamaCpp
    >>> Rewritten(Hybrid(), model=LlamaCpp("smollm2-135m"), queries=2).own
    0.5
    """

    of: Lexical | Dense | Hybrid | Diverse
    """The other search."""
    model: ModelKind
    """Gives the wordings. Where it is the one that answers, it is opened once."""
    queries: int = 2
    """How many other wordings, at most."""
    own: float = 0.5
    """Weight of the question as it is asked; its wordings share the rest."""
    seconds: float = 5.0
    """How long the model may take, at most; it never has more than half of the question's time."""
    depth: int = 50
    """How many hits of each wording are joined."""

    def __post_init__(self) -> None:
        if not 1 <= self.queries <= _MOST or not 0 <= self.own < 1 or self.seconds <= 0 or self.depth < 1:
            raise ProjectError(
                f"queries={self.queries}, own={self.own}, seconds={self.seconds}, depth={self.depth}",
                where="Rewritten",
                hint=f"queries: 1 to {_MOST}; own: 0 to below 1; seconds: above 0; depth: 1 or more",
            )

    @property
    def needs_vectors(self) -> bool:
        """As the other search."""
        return self.of.needs_vectors

    def find(self, index: Index, query: Query, embedder: Embedder | None) -> list[Hit]:
        """The best chunks; `score` is the joined reciprocal rank. Without wordings, what the other search finds.

        Each wording is searched with the same access, filters and moment as the question.

        Args:
            index: Where it is looked for.
            query: What is looked for, with its wordings, and who asks.
            embedder: The model of the index's vectors; not needed where only words are looked at.

        Raises:
            ProjectError: the index has no vectors, or those of another model.
            ServiceError: an endpoint of embeddings does not answer.
        """
        plain = msgspec.structs.replace(query, wordings=())
        if not query.wordings:
            return self.of.find(index, plain, embedder)
        share = (1 - self.own) / len(query.wordings)
        asked = [(self.own, query.text), *((share, wording) for wording in query.wordings)]
        deep = msgspec.structs.replace(plain, top=max(self.depth, query.top))
        found = [
            (weight, self.of.find(index, msgspec.structs.replace(deep, text=text), embedder)) for weight, text in asked
        ]
        return joined(found, top=query.top)
