"""A file that no document could be made of."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Unreadable"]


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Stands where its document would: it is set aside with its reason, and the others are read."""

    id: str
    """As its document would have been named."""
    reason: str
    """Why, and what to do: "page images without text; run text recognition (OCR) over it first"."""
    known_at: datetime
    source: str = ""
