"""The kinds of searches that a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.retrieval.dense import Dense
from kreis.generative.retrieval.diverse import Diverse
from kreis.generative.retrieval.hybrid import Hybrid
from kreis.generative.retrieval.lexical import Lexical

__all__ = ["Dense", "Diverse", "Hybrid", "Lexical", "SearchKind"]

SearchKind: TypeAlias = Lexical | Dense | Hybrid | Diverse
