"""The caches that the functions of this folder run over. A new one is one entry more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from tests.generative.handbook import E5

from kreis.generative.cache.memory import MemoryCache
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.embeddings.kinds import LocalEmbedding

NewCache = Callable[..., MemoryCache]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return LocalEmbedding(E5).open()


class AllAlike:
    """Finds every text like every other one."""

    digest, dimension = "all alike", 2

    def queries(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.float32([1, 0]), (len(texts), 1))

    passages = queries


@pytest.fixture(scope="module", params=[MemoryCache], ids=lambda kind: kind.__name__)
def new_cache(request: pytest.FixtureRequest, embedder: Embedder) -> NewCache:
    """An empty cache, with another embedding model or policy than the usual one where that is asked for."""
    usual = CachePolicy(threshold=0.92, embedding=embedder.digest, entries=100)
    return lambda by=embedder, **policy: request.param(
        msgspec.structs.replace(usual, **{"embedding": by.digest, **policy}), by
    )
