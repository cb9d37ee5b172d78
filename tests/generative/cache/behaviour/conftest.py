"""The caches that the functions of this folder run over. A new one is one entry more."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.generative.handbook import E5

from kreis.generative.cache.answer_cache import AnswerCache
from kreis.generative.cache.memory import MemoryCache
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.embeddings.kinds import LocalEmbedding

NewCache = Callable[..., AnswerCache]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return LocalEmbedding(E5).open()


@pytest.fixture(scope="module", params=[MemoryCache], ids=lambda kind: kind.__name__)
def new_cache(request: pytest.FixtureRequest, embedder: Embedder) -> NewCache:
    """An empty cache, with another policy than the usual one where that is asked for."""
    usual = CachePolicy(threshold=0.92, embedding=embedder.digest, entries=100)
    return lambda **policy: request.param(msgspec.structs.replace(usual, **policy), embedder)
