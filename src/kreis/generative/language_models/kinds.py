"""The kinds of language models that a package may name."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["LlamaCpp", "ModelKind", "OpenAICompatible"]


class LlamaCpp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="llama.cpp"):
    """A small model on this machine, in a process of its own."""

    name: str
    """ "smollm2-135m": its weights lie in an installed package."""
    window: int = 4096


class OpenAICompatible(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="model", tag="openai"
):
    """A model behind an OpenAI-compatible address, which the environment names."""

    env: str
    """The variable that holds the address; `{env}_KEY` holds the key."""
    name: str = ""
    """As the endpoint calls it."""
    window: int = 8192


ModelKind: TypeAlias = LlamaCpp | OpenAICompatible
