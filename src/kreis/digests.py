"""Content digests and the one canonical JSON that they are taken over."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["canonical_json", "digest_of", "digest_of_document", "digest_of_file"]

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical_json(document: Any) -> bytes:
    """JSON with sorted keys and no blanks; the same document always gives the same bytes."""
    return _ENCODER.encode(document)


def digest_of(data: bytes) -> str:
    """The SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of_document(document: Any) -> str:
    """The SHA-256 of a document's canonical JSON."""
    return digest_of(canonical_json(document))


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
