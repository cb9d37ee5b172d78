"""What a chunk is, and what cuts documents into some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.document import Document

__all__ = ["Chunk", "Chunker", "Sized", "check_sizes"]


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


class Sized(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="chunker"):
    """Chunks of a size in words, as data in a package."""

    words: int = 180
    """In a chunk, at most."""
    overlap: int = 30
    """At the beginning of a chunk the last parts of the one before come again, with at most so many words."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: no words, or an overlap that is not smaller.
        """
        check_sizes(self.words, self.overlap, type(self).__name__)

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        return dict(msgspec.to_builtins(self))


def check_sizes(words: int, overlap: int, where: str) -> None:
    """Check what chunks are to hold.

    Raises:
        ProjectError: no words, or an overlap that is not smaller.
    """
    if words < 1:
        raise ProjectError(f"a chunk holds at least one word, not {words}", where=where, hint="words=180")
    if not 0 <= overlap < words:
        hint = f"overlap={min(30, words // 4)}"
        raise ProjectError(f"an overlap of {overlap} words is not within 0 and {words - 1}", where=where, hint=hint)
