"""Chunks of a fixed number of words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kreis.generative.chunking.chunker import Chunk, Sized
from kreis.generative.documents.document import Document

__all__ = ["ByWords"]

_BLANKS = np.array([chr(code).isspace() for code in range(0x3001)] + [False])
"""By code point; there are none above."""


class ByWords(Sized, frozen=True, kw_only=True, tag="words"):
    """A new chunk every `words - overlap` words, whatever they say.

    Example:

    >>> from datetime import UTC, datetime
    >>> document = Document(id="a", text="one two three four five", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> [document.text[each.start : each.end] for each in ByWords(words=3, overlap=1).chunks(document)]
    ['one two three', 'three four five']
    """

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """See `Chunker.chunks`."""
        starts, ends = _words(document.text)
        for first in range(0, len(starts), self.words - self.overlap):
            last = min(first + self.words, len(starts)) - 1
            start = int(starts[first])
            yield Chunk(start=start, end=int(ends[last]), page=document.page_of(start))
            if last == len(starts) - 1:
                return


def _words(text: str) -> tuple[Any, Any]:
    """Where words begin, and where they end."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    blank = np.ones(len(codes) + 2, dtype=np.bool_)
    blank[1:-1] = _BLANKS[np.minimum(codes, 0x3001)]
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    return edges[::2], edges[1::2]
