"""The nearest vectors, by a graph of neighbours: HNSW (Malkov and Yashunin 2018), by faiss. For very many chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kreis.errors import library
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.exact import Exact, Mask, Numbers

__all__ = ["Graph", "graph_of"]

Halves = npt.NDArray[np.float16]
"""Vectors as they are stored, shape (n, d)."""

_NEIGHBOURS: Final = 32
_BUILT_WITH: Final = 100
"""Candidates that are kept while a vector is put in."""
_SEARCHED_WITH: Final = 128
"""Candidates that are kept while one is looked for; more where many chunks are none."""
_MOST: Final = 4096
_ONE_BY_ONE: Final = 10_000
"""Candidates up to which each is compared: the graph would lead past most of them."""
_SAMPLE: Final = 200
_TOP: Final = 10


class Graph:
    """Vectors stay in 16 bits; graph and vectors take 1.1 kB of memory for each of 384 numbers."""

    def __init__(self, data: bytes, pieces: Iterable[Halves], count: int, dimension: int) -> None:
        """Read a graph of `graph_of`, and the vectors that it was made of.

        Raises:
            MissingLibraryError: faiss is not installed.
            ValueError: they do not belong together.
        """
        faiss = library("faiss")
        try:
            self._graph = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8), faiss.IO_FLAG_SKIP_STORAGE)
        except RuntimeError as error:
            raise ValueError(f"its graph can't be read: {error}") from None
        storage = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        storage.codes.resize(count * dimension * 2)
        codes = faiss.rev_swig_ptr(storage.codes.data(), count * dimension * 2)
        self._vectors: Halves = codes.view("<f2").reshape(count, dimension)
        row = 0
        for piece in pieces:
            self._vectors[row : row + len(piece)] = piece
            row += len(piece)
        if not row == count == self._graph.ntotal:
            raise ValueError(f"it holds {row} vectors and a graph of {self._graph.ntotal}, of {count}")
        storage.ntotal, storage.is_trained = count, True
        self._graph.storage, self._storage = storage, storage

    def nearest(self, vector: Vectors, top: int, allowed: Mask | None) -> tuple[Numbers, Vectors]:
        """See `Nearest`. Most of the nearest: `About.recall` says how many, where all chunks are candidates."""
        faiss = library("faiss")
        count = len(self._vectors) if allowed is None else int(np.count_nonzero(allowed))
        if allowed is not None and count <= _ONE_BY_ONE:
            numbers = np.flatnonzero(allowed)
            places, cosines = Exact(self._vectors[numbers].astype(np.float32)).nearest(vector, top, None)
            return numbers[places], cosines
        wide = max(_SEARCHED_WITH, 2 * top) * len(self._vectors) // max(count, 1)
        options = {"efSearch": min(wide, _MOST)}
        if allowed is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        with _one_thread(faiss):  # one question has no work for more, and would wait for them
            found = self._graph.search(
                np.ascontiguousarray(vector[None]), min(top, count), params=faiss.SearchParametersHNSW(**options)
            )
        cosines, numbers = (each[0] for each in found)
        return numbers[numbers >= 0], cosines[numbers >= 0]

    def of(self, chunks: Sequence[int]) -> Vectors:
        """See `Nearest`."""
        return self._vectors[np.asarray(chunks, dtype=np.int64)].astype(np.float32)


def graph_of(pieces: Callable[[], Iterable[Halves]], dimension: int) -> tuple[bytes, float]:
    """Make the graph of vectors, the same bytes each time: in one thread.

    Args:
        pieces: Gives the vectors, as often as it is called.
        dimension: Numbers in each.

    Returns:
        The graph without the vectors; and the share of the ten nearest chunks that it finds, of 200 chunks that are
        looked for by their own vector, beside comparing all.

    Raises:
        MissingLibraryError: faiss is not installed.
    """
    faiss = library("faiss")
    graph = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_fp16, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _BUILT_WITH
    graph.is_trained = graph.storage.is_trained = True
    with _one_thread(faiss):
        for piece in pieces():
            graph.add(piece.astype(np.float32))
    data = faiss.serialize_index(graph, faiss.IO_FLAG_SKIP_STORAGE).tobytes()
    del graph
    made = list(pieces())
    count = sum(map(len, made))
    return data, _recall(Graph(data, made, count, dimension), made, count)


def _recall(graph: Graph, pieces: list[Halves], count: int) -> float:
    asked = np.linspace(0, count - 1, min(_SAMPLE, count)).astype(np.int64)
    vectors = graph.of(asked.tolist())
    cosines = np.concatenate([vectors @ piece.astype(np.float32).T for piece in pieces], axis=1)
    found = 0.0
    for number, vector in enumerate(vectors):
        exact = np.argsort(-cosines[number], kind="stable")[:_TOP]
        found += float(np.isin(exact, graph.nearest(vector, _TOP, None)[0]).mean())
    return found / len(asked)


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
