"""Chunks along a document's own structure."""

from __future__ import annotations

from collections.abc import Iterator

from kreis.generative.chunking.chunker import Chunk, Sized
from kreis.generative.chunking.sections import blocks_within, sections
from kreis.generative.chunking.spans import Span, fits, joined, stripped
from kreis.generative.documents.document import Document

__all__ = ["ByStructure"]


class ByStructure(Sized, frozen=True, kw_only=True, tag="structure"):
    """The largest sections that fit: a section with all below it where it has no more than `words`, else its own
    blocks together (paragraphs, items of lists, tables, code: each whole where it fits), then the sections below it.
    Each chunk knows the headings above it, which do not count; where a section is cut, `overlap` counts whole blocks.

    Example:

    >>> from datetime import UTC, datetime
    >>> text = "# Leave\\n\\n30 days a year.\\n\\n## Parents\\n\\nAsk before the birth."
    >>> document = Document(id="leave.md", text=text, known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> [(each.heading, text[each.start : each.end]) for each in ByStructure(words=6, overlap=0).chunks(document)]
    [('Leave', '# Leave\\n\\n30 days a year.'), ('Leave > Parents', '## Parents\\n\\nAsk before the birth.')]
    """

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """See `Chunker.chunks`."""
        text = document.text
        for heading, parts in self._pieces(text):
            for first, last in joined(text, parts, words=self.words, overlap=self.overlap):
                yield Chunk(start=first, end=last, heading=heading, page=document.page_of(first))

    def _pieces(self, text: str) -> Iterator[tuple[str, list[Span]]]:
        """Headings, and what stands below them in parts that fit."""
        found = sections(text)
        position, begin = 0, 0
        while position < len(found):
            section = found[position]
            end = found[section.last].end
            whole = section.level > 0 and fits(text, section.start, end, self.words)
            end = end if whole else section.end
            position = section.last + 1 if whole else position + 1
            body = [] if whole else blocks_within(text, section.body, end, self.words)
            if body:
                yield section.heading, [*stripped(text, [(begin, body[0][1])]), *body[1:]]
            elif whole or position == len(found):
                yield section.heading, stripped(text, [(begin, end)])
            else:
                continue  # a heading without a text goes to what follows
            begin = end
