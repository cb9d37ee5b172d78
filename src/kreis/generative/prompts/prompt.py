"""A prompt at a version."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.digests import digest_of_document

__all__ = ["Prompt"]


class Prompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model is told beside passages and question, as data in a package."""

    name: str
    text: str
    """The file as it was written."""
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer; None: free text."""

    @property
    def digest(self) -> str:
        """Names this version."""
        return digest_of_document(msgspec.to_builtins(self))
