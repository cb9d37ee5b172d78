"""The kinds of language models of which others are composed."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.language_models.budgeted import Budgeted
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["Single"]

Single: TypeAlias = LlamaCpp | OpenAICompatible | Budgeted
