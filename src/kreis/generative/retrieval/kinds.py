"""The kinds of searches that a package may name."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["Dense", "Hybrid", "Lexical", "SearchKind"]


class Lexical(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="lexical"):
    """By words (BM25)."""


class Dense(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="dense"):
    """By vectors."""


class Hybrid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="search", tag="hybrid"):
    """By both, joined by weighted reciprocal rank (Cormack et al. 2009)."""

    lexical: float = 0.5
    """Weight of the words; the vectors have the rest."""


SearchKind: TypeAlias = Lexical | Dense | Hybrid
