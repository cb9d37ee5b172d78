"""What an index is: the chunks of a knowledge base at a version, searched by words and by vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from kreis.generative.embeddings.embedding import Vectors

__all__ = ["FILTERS", "Access", "Hit", "Index", "OpenIndex", "Query"]


FILTERS: Final = ("language", "owner", "source", "licence", "title", "id")
"""Fields of a document by which a query may be narrowed."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. What they may not read is no candidate: it is filtered before anything is ranked."""

    tenant: str = ""
    groups: frozenset[str] = frozenset()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for."""

    text: str
    access: Access
    top: int = 10
    """How many hits at most."""
    filters: Mapping[str, str] = {}
    """By a document's field ("language", "owner", "source"): what it must be."""
    at: int = 0
    """The moment, microseconds since 1970 UTC: documents that have expired by then are not found; 0: all are."""
    wordings: Sequence[str] = ()
    """Other wordings of the text, for a search that looks for these as well (`Rewritten`)."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was found."""

    chunk: int
    """Its number in this version of the index."""
    document: str
    version: str
    """The document's."""
    start: int
    end: int
    """In the document's text."""
    text: str
    """The chunk."""
    shown: str
    """What a model is given: the chunk, or its parent."""
    shown_start: int
    """Where `shown` begins in the document's text."""
    heading: str = ""
    title: str = ""
    source: str = ""
    language: str = ""
    licence: str = ""
    """The document's: guards look at it."""
    page: int | None = None
    expires: int | None = None
    """When its document expires, microseconds since 1970 UTC; None: never."""
    score: float = 0.0
    """Higher is better; comparable within one search only."""
    lexical: float = 0.0
    """BM25 (Robertson and Zaragoza 2009); 0 where no word matched."""
    dense: float = 0.0
    """Cosine of the vectors; 0 where none was asked."""

    @classmethod
    def whole(cls, text: str, **said: Any) -> Hit:
        """A text that stands for itself, as a passage.

        Args:
            text: All of it.
            said: Other fields.
        """
        return cls(start=0, end=len(text), text=text, shown=text, shown_start=0, **said)


class Index(Protocol):
    """A published version, read-only. Safe to share between threads. The behaviour suite is
    `tests/generative/index/behaviour/`.
    """

    @property
    def version(self) -> str:
        """Digest of all that it was made of: documents, chunker, embedding model. Made again, it is the same."""
        ...

    @property
    def embedding(self) -> str:
        """Digest of the model that its vectors come from; empty where it has none."""
        ...

    def __len__(self) -> int:
        """Chunks."""
        ...

    def lexical(self, query: Query) -> list[Hit]:
        """By words, best first.

        Raises:
            ProjectError: there is no such field to filter by.
            StoreError: its store can't be reached; so in all that follow.
        """
        ...

    def dense(self, query: Query, vector: Vectors) -> list[Hit]:
        """By a vector of shape (1, d), best first.

        Raises:
            ProjectError: it has no vectors, or those of another model, or no such field to filter by.
        """
        ...

    def hits(self, chunks: Sequence[int]) -> list[Hit]:
        """Chunks by number, in that order.

        Raises:
            ProjectError: there is no such chunk.
        """
        ...

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """The vectors of chunks, shape (n, d), as exact as the index keeps them."""
        ...

    def private(self, most: int) -> list[Hit]:
        """Chunks of documents that not everybody may read, spread over these: to test that nobody else does."""
        ...


class OpenIndex(Index, Protocol):
    """One that whoever opened it closes."""

    def close(self) -> None:
        """End files and connections."""
        ...
