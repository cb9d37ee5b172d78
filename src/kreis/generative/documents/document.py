"""A document: a text that answers can rest on, and what must be known of it; or why there is none."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

import msgspec

from kreis.digests import digest_of

__all__ = ["Document", "Unreadable"]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text at a version. Loaders turn files into it: headings, lists and tables are Markdown, whatever they were.

    Example:

    >>> Document(id="leave.md", text="# Leave\\n\\n30 days a year.", known_at=datetime(2026, 1, 1)).version[:8]
    '0f052f5d'
    """

    id: str
    """Names it over all its versions: a path, an address, a number."""
    text: str
    """Markdown. Offsets, of chunks and citations, are places of characters in it."""
    known_at: datetime
    """Since when this version could be read (UTC)."""
    title: str = ""
    owner: str = ""
    licence: str = ""
    language: str = ""
    """ISO 639-1: "de"; empty where it is not known."""
    groups: tuple[str, ...] = ()
    """Who may read it: a person of any of these groups. Empty: everybody of its tenant."""
    tenant: str = ""
    """Whose it is; empty: shared by all tenants."""
    source: str = ""
    """Where it came from: a path or an address."""
    expires: datetime | None = None
    """From when on it is no longer to be answered from (UTC)."""
    pages: tuple[int, ...] = ()
    """Where each page begins in `text`, of documents that have pages."""

    @property
    def version(self) -> str:
        """Digest of the text."""
        return digest_of(self.text.encode())

    def page_of(self, place: int) -> int | None:
        """The page that a character is on, counted from 1; None where the document has no pages."""
        return max(bisect_right(self.pages, place), 1) if self.pages else None


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Stands where its document would: it is set aside with its reason, and the others are read."""

    id: str
    """As its document would have been named."""
    reason: str
    """Why, and what to do: "page images without text; run text recognition (OCR) over it first"."""
    known_at: datetime
    source: str = ""
