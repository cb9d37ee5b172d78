"""Small chunks that are found, and the larger part around each that is shown."""

from __future__ import annotations

from collections.abc import Iterator

from kreis.generative.chunking.by_sentences import BySentences, sentences_within
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.chunking.by_words import ByWords
from kreis.generative.chunking.chunker import Chunk, Sized, check_sizes
from kreis.generative.chunking.spans import joined
from kreis.generative.documents.document import Document

__all__ = ["ParentChild"]


class ParentChild(Sized, frozen=True, kw_only=True, tag="parent and child"):
    """Parents by another chunker, and in each of them children: sentences together. A small chunk says one thing, so it
    is found more surely; a model understands it better in its surroundings.

    Example:

    >>> from datetime import UTC, datetime
    >>> document = Document(id="a", text="Ask first. Then go. And write.", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> chunker = ParentChild(words=2, parents=ByStructure(words=40, overlap=0))
    >>> [(each.start, each.end, each.parent) for each in chunker.chunks(document)]
    [(0, 10, (0, 30)), (11, 19, (0, 30)), (20, 30, (0, 30))]
    """

    words: int = 60
    """In a child, at most."""
    overlap: int = 0
    """At the beginning of a child the last sentences of the one before come again, with at most so many words."""
    parents: ByStructure | BySentences | ByWords = ByStructure(words=400, overlap=0)
    """What is shown. Where two of them overlap, a child is given in the first."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: no words, an overlap that is not smaller, or parents that are smaller than their children.
        """
        Sized.__post_init__(self)
        check_sizes(self.parents.words, self.words - 1, "ParentChild, parents")

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """See `Chunker.chunks`."""
        text, reached = document.text, 0
        for parent in self.parents.chunks(document):
            parts = sentences_within(text, parent.start, parent.end, self.words)
            for start, end in joined(text, parts, words=self.words, overlap=self.overlap):
                if end <= reached:
                    continue  # in the parent before, which this one overlaps
                reached = end
                yield Chunk(
                    start=start,
                    end=end,
                    heading=parent.heading,
                    parent=(parent.start, parent.end),
                    page=document.page_of(start),
                )
