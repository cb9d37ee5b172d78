"""Bytes that a package names by their digest, because they are too large to stand in it."""

from __future__ import annotations

import msgspec

__all__ = ["StoredFile"]


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file among the artifacts."""

    sha256: str
    size: int
    """In bytes."""
