"""The kinds of language models that a package may name.

They are composed in one order, so that a package never holds an endless chain: one model, which may have a budget
(`Single`), routes among those (`Routed`), and chains of all (`Fallback`).
"""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.language_models.budgeted import Budgeted
from kreis.generative.language_models.fallback import Fallback
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.routed import Routed

__all__ = ["Budgeted", "Fallback", "LlamaCpp", "ModelKind", "OpenAICompatible", "Routed"]

ModelKind: TypeAlias = LlamaCpp | OpenAICompatible | Budgeted | Routed | Fallback
