"""The kinds of chunkers that a step's key or a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.chunking.by_sentences import BySentences
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.chunking.by_words import ByWords
from kreis.generative.chunking.parent_child import ParentChild

__all__ = ["BySentences", "ByStructure", "ByWords", "ChunkerKind", "ParentChild"]

ChunkerKind: TypeAlias = ByWords | BySentences | ByStructure | ParentChild
