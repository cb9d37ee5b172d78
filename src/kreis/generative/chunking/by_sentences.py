"""Chunks of whole sentences."""

from __future__ import annotations

from collections.abc import Iterator

from kreis.generative.chunking.chunker import Chunk, Sized
from kreis.generative.chunking.spans import Span, fits, joined, sentences, tokens
from kreis.generative.documents.document import Document

__all__ = ["BySentences", "sentences_within"]


class BySentences(Sized, frozen=True, kw_only=True, tag="sentences"):
    """Sentences together, as many as have no more than `words`. A longer one is cut between its words.

    Example:

    >>> from datetime import UTC, datetime
    >>> document = Document(id="a", text="Ask first. Then go. And write.", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> [document.text[each.start : each.end] for each in BySentences(words=4, overlap=2).chunks(document)]
    ['Ask first. Then go.', 'Then go. And write.']
    """

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """See `Chunker.chunks`."""
        text = document.text
        parts = sentences_within(text, 0, len(text), self.words)
        for start, end in joined(text, parts, words=self.words, overlap=self.overlap):
            yield Chunk(start=start, end=end, page=document.page_of(start))


def sentences_within(text: str, start: int, end: int, words: int) -> list[Span]:
    """The sentences of a part of a text; in place of one with more words than that, its words."""
    found: list[Span] = []
    for first, last in sentences(text, start, end):
        found += [(first, last)] if fits(text, first, last, words) else tokens(text, first, last)
    return found
