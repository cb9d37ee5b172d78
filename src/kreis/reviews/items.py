"""What is labelled, and what a person says of it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Given", "Item", "Label"]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to be labelled."""

    item: str
    """Names it in its queue."""
    shown: dict[str, Any]
    """What a person looks at: a question, an answer, a row."""
    judge: str | None = None
    """What a model said of it. No reviewer sees that."""


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of an item."""

    item: str
    label: str
    comment: str = ""


class Given(msgspec.Struct, frozen=True):
    """A label that somebody gave."""

    item: str
    by: str
    label: str
    comment: str
    at: int
    """The moment, microseconds since 1970 UTC."""
