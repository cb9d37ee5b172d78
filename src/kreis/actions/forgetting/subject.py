"""Whose data is erased, and what a place is that may hold some."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["SHORT", "Found", "Place", "Subject"]

SHORT = 6
"""Of fewer letters, a value stands in texts and digests by chance."""


class Subject(msgspec.Struct, frozen=True):
    """What is erased: the rows of a key's value; or a document."""

    key: str
    value: str
    document: bool = False
    """Whether it is the document whose id is the value; `key` is "id" then."""
    tenant: str | None = None
    """The document's; None: whosever it is."""

    @property
    def in_texts(self) -> bool:
        """Whether texts are searched for the value: it is a person's, and long enough not to stand there by chance."""
        return not self.document and len(self.value) >= SHORT

    def told_in(self, *texts: str | None) -> bool:
        """Whether the value stands in a text, in whichever case."""
        sought = self.value.casefold()
        return any(sought in text.casefold() for text in texts if text)

    def is_document(self, tenant: str, document: str) -> bool:
        """Whether it is this document."""
        return self.document and document == self.value and self.tenant in (None, tenant)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a place holds of a subject."""

    place: str
    where: str
    rows: int = 0
    """Rows, of an index documents, of the newest state; 0 where only earlier ones hold some."""


class Place(Protocol):
    """Something that may hold a person's data."""

    def find(self, subject: Subject) -> list[Found]:
        """What it holds; changes nothing."""
        ...

    def erase(self, subject: Subject, reason: str) -> None:
        """Delete it, on record; `reason` does not say whose it is. Done twice it does nothing."""
        ...
