"""Keep vectors by content, for several processes, and forget them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from tests.generative.handbook import E5

from kreis.errors import StoreError
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.embeddings.kinds import LocalEmbedding

TEXTS = ["Paid leave", "Ein Hotel", "Paid leave", "Trains"]
OF = ["leave.md", "hotel.md", "copy.md", "travel.md"]


class Counting:
    """The real model, and how many texts it was asked to embed."""

    def __init__(self, digest: str | None = None) -> None:
        self._model = LocalEmbedding(E5).open()
        self.digest = digest or self._model.digest
        self.dimension = self._model.dimension
        self.embedded = 0

    def passages(self, texts):
        self.embedded += len(texts)
        return self._model.passages(texts)

    queries = None


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "deep" / "vectors.sqlite")


def test_a_text_is_embedded_once_by_a_model(cache):
    model = Counting()
    first = cache.passages(model, TEXTS, of=OF)
    assert model.embedded == 3
    assert first.shape == (4, 384)
    assert np.array_equal(first, model._model.passages(TEXTS))
    assert np.array_equal(cache.passages(model, TEXTS[::-1], of=OF[::-1]), first[::-1])
    assert model.embedded == 3
    assert len(cache) == 3
    other = Counting(digest="ab" * 32)
    cache.passages(other, TEXTS, of=OF)
    assert other.embedded == 3
    assert cache.passages(model, [], of=[]).shape == (0, 384)


def test_documents_are_forgotten_for_good(cache, tmp_path):
    model = Counting()
    vectors = cache.passages(model, TEXTS, of=OF)
    file = tmp_path / "deep" / "vectors.sqlite"
    assert vectors[1].tobytes() in file.read_bytes()
    assert cache.forget(documents=["hotel.md", "nothing.md"]) == 1
    assert vectors[1].tobytes()[:64] not in b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert cache.forget(texts=["Trains", "Planes"]) == 1
    cache.passages(model, TEXTS, of=OF)
    assert model.embedded == 5


def test_a_text_of_two_documents_is_that_of_the_first(cache):
    """Erasing the other one leaves it: it stands in the first still."""
    cache.passages(Counting(), TEXTS, of=OF)
    assert cache.forget(documents=["copy.md"]) == 0
    assert cache.forget(documents=["leave.md"]) == 1


def test_a_damaged_vector_is_computed_again(cache, tmp_path):
    model = Counting()
    vectors = cache.passages(model, TEXTS, of=OF)
    file = tmp_path / "deep" / "vectors.sqlite"
    data = file.read_bytes()
    place = data.index(vectors[1].tobytes()[:32]) + 17
    file.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
    assert np.array_equal(cache.passages(model, TEXTS, of=OF), vectors)
    assert model.embedded == 4
    assert np.array_equal(cache.passages(model, TEXTS, of=OF), vectors)
    assert model.embedded == 4


def test_a_file_that_is_no_cache_is_said(tmp_path):
    place = tmp_path / "cache"
    place.write_text("something else" * 100)
    with pytest.raises(StoreError, match="computed again"):
        EmbeddingCache(place)


FILL = """
import sys
from pathlib import Path
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.embeddings.kinds import LocalEmbedding

cache, model, start = EmbeddingCache(Path(sys.argv[1])), LocalEmbedding(sys.argv[2]).open(), int(sys.argv[3])
for number in range(start, start + 8):
    cache.passages(model, [f"text {number}", f"text {number + 1}"], of=["a", "b"])
"""


def test_processes_share_the_file(tmp_path):
    path = tmp_path / "cache"
    workers = [subprocess.Popen([sys.executable, "-c", FILL, str(path), E5, start]) for start in ("0", "4")]
    assert [each.wait() for each in workers] == [0, 0]
    assert len(EmbeddingCache(path)) == 13
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
