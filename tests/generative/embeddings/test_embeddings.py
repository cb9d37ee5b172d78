"""Every embedding does what one must do, and the promises of its own."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.generative.handbook import E5

from kreis.errors import ProjectError
from kreis.generative.embeddings.kinds import EmbeddingKind, LocalEmbedding
from kreis.generative.embeddings.testing import CHECKS

KINDS = {"e5": LocalEmbedding(E5), "minilm": LocalEmbedding("minilm-l6-int8")}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_an_embedding_behaves(kind, check):
    check(KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_data_in_a_package(kind):
    document = msgspec.json.encode(KINDS[kind])
    assert msgspec.json.decode(document, type=EmbeddingKind) == KINDS[kind]


def test_an_unknown_model_is_said():
    with pytest.raises(ProjectError, match=r"(?s)unknown local embedding model.*multilingual-e5-small-int4"):
        LocalEmbedding("multilingual-e5-small").open()


def test_e5_understands_across_languages():
    model = LocalEmbedding(E5).open()
    passages = model.passages(["Die Elternzeit dauert bis zu 36 Monate.", "A hotel may cost 120 euros a night."])
    cosines = passages @ model.queries(["How long is parental leave?"])[0]
    assert cosines[0] > cosines[1] + 0.05
    assert np.array_equal(model.passages(["a\0b"]), model.passages(["a b"]))
