"""The kinds of language models that a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["LlamaCpp", "ModelKind", "OpenAICompatible"]

ModelKind: TypeAlias = LlamaCpp | OpenAICompatible
