"""What every embedding must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_embedding_behaves(check):
    check(MyEmbedding())
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from kreis.digests import canonical_json
from kreis.generative.embeddings.embedding import Embedding

__all__ = ["CHECKS"]

_TEXTS: Final = (
    "A man is playing a guitar.",
    "Someone plays music on a guitar.",
    "The stock market fell by three percent.",
    "Shares lost three percent.",
    "",
    "\0 𝔘nicode 🙂 ﬁ \u202e",
)
_LONG: Final = "word " * 600
"""More than any model takes."""


def vectors_have_length_one(embedding: Embedding) -> None:
    """Also of texts that are empty, far too long, or odd."""
    model = embedding.open()
    for vectors in (model.passages([*_TEXTS, _LONG]), model.queries(_TEXTS)):
        _demand(vectors.shape[1:] == (model.dimension,), f"the shape is {vectors.shape}")
        _demand(vectors.dtype == np.float32, f"the type is {vectors.dtype}")
        _demand(bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)), "a length is not 1")


def no_texts_give_no_vectors(embedding: Embedding) -> None:
    """Shape (0, d)."""
    model = embedding.open()
    _demand(model.passages([]).shape == model.queries([]).shape == (0, model.dimension), "it is not (0, d)")


def a_text_has_the_same_vector_in_any_company(embedding: Embedding) -> None:
    """Else an index that is built from a cache differs from one that is built from scratch."""
    model = embedding.open()
    together = model.passages(_TEXTS)
    alone = np.concatenate([model.passages([text]) for text in _TEXTS])
    _demand(np.array_equal(together, alone), f"they differ by {np.abs(together - alone).max()}")


def what_means_the_same_is_nearer(embedding: Embedding) -> None:
    """Paraphrases are nearer to each other than to another subject."""
    model = embedding.open()
    vectors = model.passages(_TEXTS[:4])
    cosines = vectors @ vectors.T
    for one, same, other in ((0, 1, 2), (1, 0, 3), (2, 3, 0), (3, 2, 1)):
        _demand(cosines[one, same] > cosines[one, other], f"{_TEXTS[one]!r} is nearer to {_TEXTS[other]!r}")


def threads_may_share_it(embedding: Embedding) -> None:
    """With the vectors that it gives one thread."""
    model = embedding.open()
    alone = [model.queries([text]) for text in _TEXTS[:4]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: model.queries([text]), _TEXTS[:4] * 5))
    _demand(np.array_equal(together, alone * 5), "threads disturb each other")


def it_says_what_determines_its_vectors(embedding: Embedding) -> None:
    """The digest is the same whenever it is opened; parameters are plain data with their kind."""
    digest = embedding.open().digest
    _demand(len(digest) == 64 and int(digest, 16) >= 0, f"{digest!r} is no digest")
    _demand(digest == embedding.open().digest, "the digest changes")
    _demand("kind" in embedding.parameters() and bool(canonical_json(embedding.parameters())), "parameters lack kind")


CHECKS: Final[tuple[Callable[[Embedding], None], ...]] = (
    vectors_have_length_one,
    no_texts_give_no_vectors,
    a_text_has_the_same_vector_in_any_company,
    what_means_the_same_is_nearer,
    threads_may_share_it,
    it_says_what_determines_its_vectors,
)


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
