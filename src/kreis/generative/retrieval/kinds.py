"""The kinds of searches that a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.retrieval.dense import Dense
from kreis.generative.retrieval.diverse import Diverse
from kreis.generative.retrieval.hybrid import Hybrid
from kreis.generative.retrieval.lexical import Lexical
from kreis.generative.retrieval.rewritten import Rewritten

__all__ = ["Dense", "Diverse", "Hybrid", "Lexical", "Rewritten", "SearchKind"]

SearchKind: TypeAlias = Lexical | Dense | Hybrid | Diverse | Rewritten
