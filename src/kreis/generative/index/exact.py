"""The nearest vectors, by comparing all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from kreis.generative.embeddings.embedding import Vectors

__all__ = ["Exact", "Mask", "Nearest", "Numbers", "best"]

_FEW: Final = 0.3
"""Share of chunks up to which only theirs are compared, in place of all."""

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
"""Which chunks are candidates."""


class Nearest(Protocol):
    """The vectors of an index. Safe to share between threads."""

    def nearest(self, vector: Vectors, top: int, allowed: Mask | None) -> tuple[Numbers, Vectors]:
        """Numbers and cosines of the candidates that are nearest to a vector of shape (d), nearest first."""
        ...

    def of(self, chunks: Sequence[int]) -> Vectors:
        """The vectors of chunks, shape (n, d)."""
        ...


class Exact:
    """Some 10 ms for 100,000 vectors of 384 numbers."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def nearest(self, vector: Vectors, top: int, allowed: Mask | None) -> tuple[Numbers, Vectors]:
        """See `Nearest`."""
        if allowed is None:
            numbers, cosines = None, self._vectors @ vector
        else:
            numbers = np.flatnonzero(allowed)
            few = len(numbers) <= _FEW * len(allowed)
            cosines = self._vectors[numbers] @ vector if few else (self._vectors @ vector)[numbers]
        places = best(cosines, top)
        return places if numbers is None else numbers[places], cosines[places]

    def of(self, chunks: Sequence[int]) -> Vectors:
        """See `Nearest`."""
        return self._vectors[np.asarray(chunks, dtype=np.int64)]


def best(scores: Vectors, count: int) -> Numbers:
    """The places of the highest scores, highest first; of equal ones the first."""
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    places = np.arange(len(scores))
    if count < len(scores):
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        places = np.flatnonzero(scores >= least)
    return places[np.argsort(-scores[places], kind="stable")][:count]
