"""What a chunk is, and what cuts documents into some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import msgspec

from kreis.generative.documents.document import Document

__all__ = ["Chunk", "Chunker"]


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document that is found and cited as one."""

    start: int
    """The first character in the document's text."""
    end: int
    """The one after its last: `document.text[start:end]` is the chunk."""
    heading: str = ""
    """The headings above it: "Leave > Parental leave". It is searched too."""
    parent: tuple[int, int] | None = None
    """The larger part that is shown to the model in place of the chunk, as start and end; None: the chunk itself."""
    page: int | None = None
    """Counted from 1, of documents that have pages."""


@runtime_checkable
class Chunker(Protocol):
    """Cuts documents. Frozen, and checked when it is declared; `kreis.generative.chunking.testing` has its tests."""

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """The chunks of a document in order; they may overlap, none is empty, and together they hold all its words."""
        ...

    def parameters(self) -> dict[str, Any]:
        """As plain data: all that determines the chunks, its kind among it."""
        ...
