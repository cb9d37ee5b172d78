"""An index in one SQLite file, read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.errors import CorruptionError, StoreError
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.about import HIT
from kreis.generative.index.bm25 import MOST_LIKE, Bm25, Postings
from kreis.generative.index.exact import Exact, Mask, Nearest, Numbers, best
from kreis.generative.index.graph import Graph
from kreis.generative.index.index import Access, Hit, Query
from kreis.generative.index.postings import postings_of
from kreis.generative.index.reading import OfAbout, check_filter, check_vector, hit_of, pieces_of, read_about, spread

__all__ = ["SqliteIndex", "open_index"]

_MASKS: Final = 64
"""Who may read what, of so many askers, is kept."""

_HITS: Final = f"""
SELECT {HIT}
FROM chunks JOIN documents ON documents.number = chunks.document LEFT JOIN parents ON parents.number = chunks.parent
WHERE chunks.number IN ({{}})
"""

_LONGER: Final = "SELECT term FROM terms WHERE term > ? AND term < ? ORDER BY length(term), term LIMIT ?"

Scores = npt.NDArray[np.float32]


def open_index(path: Path) -> SqliteIndex:
    """Open an index file. Whoever calls has checked its digest.

    Raises:
        ProjectError: another version of kreis wrote it.
        CorruptionError: it is not an index, or a part of it is missing.
        StoreError: it can't be read.
    """
    try:
        return SqliteIndex(path)
    except (sqlite3.Error, msgspec.DecodeError, ValueError, TypeError) as error:
        raise CorruptionError(
            f"it is no whole index: {error}", where=str(path), hint="fetch or build it anew"
        ) from error


class SqliteIndex(OfAbout):
    """Postings are read as they are asked for; vectors and who may read what stand in memory."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise StoreError("there is no such file", where=str(path), hint="build the index first")
        self._path = path
        self._file = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._lock = Lock()  # one connection for all threads; what it reads for a query takes well under a millisecond
        super().__init__(read_about(self._file, where=str(path)))
        documents = self._columns("SELECT readers, ifnull(expires, 0) FROM documents ORDER BY number", 2)
        chunks = self._columns("SELECT document, words FROM chunks ORDER BY number", 2)
        if (len(documents[0]), len(chunks[0])) != (self._about.documents, self._about.chunks):
            raise ValueError("it holds fewer documents or chunks than it says")
        self._document_of, words = chunks
        self._reader_of, expires = documents
        self._expires: Numbers | None = expires[self._document_of] if expires.any() else None
        self._bm25 = Bm25(self, words)
        self._readers = self._read_readers()
        self._nearest = self._read_vectors()
        self._mask = lru_cache(maxsize=_MASKS)(self._mask_of)

    def lexical(self, query: Query) -> list[Hit]:
        """See `Index.lexical`."""
        allowed = self._allowed(query)
        scores = self._bm25.scores(query.text)
        if allowed is not None:
            scores *= allowed
        numbers = best(scores, min(query.top, int(np.count_nonzero(scores))))
        return self._hits(numbers, {"score": scores[numbers], "lexical": scores[numbers]})

    def dense(self, query: Query, vector: Vectors) -> list[Hit]:
        """See `Index.dense`."""
        check_vector(vector, self._about)
        numbers, cosines = self._nearest.nearest(vector[0], query.top, self._allowed(query))
        return self._hits(numbers, {"score": cosines, "dense": cosines})

    def hits(self, chunks: Sequence[int]) -> list[Hit]:
        """See `Index.hits`."""
        return self._hits(np.asarray(chunks, dtype=np.int64), {})

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """See `Index.vectors`."""
        return self._nearest.of(chunks)

    def private(self, most: int) -> list[Hit]:
        """See `Index.private`."""
        shared = np.array([not tenant and not groups for tenant, groups in self._readers], dtype=bool)
        numbers = np.flatnonzero(~shared[self._reader_of][self._document_of]) if len(shared) else np.empty(0, np.int64)
        return self.hits(spread(numbers, most))

    def postings(self, terms: Sequence[str]) -> dict[str, Postings]:
        """Of the terms that there are."""
        marks = ",".join("?" * len(terms))
        rows = self._rows(f"SELECT term, postings FROM terms WHERE term IN ({marks})", terms)
        return {term: postings_of(data) for term, data in rows}

    def longer(self, term: str) -> list[str]:
        """Terms that begin with it, without itself: by length, then by alphabet, at most `MOST_LIKE`."""
        rows = self._rows(_LONGER, [term, f"{term}\U0010ffff", MOST_LIKE])
        return [found for (found,) in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _rows(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._file.execute(statement, list(values)).fetchall()
        except sqlite3.Error as error:
            raise CorruptionError(f"it can't be read: {error}", where=str(self._path), hint="fetch it anew") from error

    def _columns(self, statement: str, count: int) -> list[Numbers]:
        rows = self._file.execute(statement).fetchall()
        table = np.array(rows, dtype=np.int64).reshape(len(rows), count)
        return [np.ascontiguousarray(table[:, column]) for column in range(count)]

    def _read_readers(self) -> list[tuple[str, frozenset[str]]]:
        rows = self._file.execute("SELECT tenant, groups FROM readers ORDER BY number").fetchall()
        return [(tenant, frozenset(msgspec.json.decode(groups, type=list[str]))) for tenant, groups in rows]

    def _read_vectors(self) -> Nearest:
        count, dimension = self._about.chunks, self._about.dimension
        if self._about.recall is not None:
            graph = b"".join(data for (data,) in self._file.execute("SELECT data FROM graph ORDER BY piece"))
            return Graph(graph, pieces_of(self._file, dimension), count, dimension)
        vectors = np.empty((count if dimension else 0, dimension), dtype=np.float32)
        row = 0
        for piece in pieces_of(self._file, dimension):
            vectors[row : row + len(piece)] = piece
            row += len(piece)
        if row != len(vectors):
            raise ValueError(f"it holds {row} vectors of {len(vectors)}")
        return Exact(vectors)

    def _allowed(self, query: Query) -> Mask | None:
        """Which chunks are candidates at all; None: each is."""
        allowed = self._mask(query.access, tuple(sorted(query.filters.items())))
        if self._expires is None or not query.at:
            return allowed
        fresh: Mask = (self._expires == 0) | (self._expires > query.at)
        return fresh if allowed is None else fresh & allowed

    def _mask_of(self, access: Access, filters: tuple[tuple[str, str], ...]) -> Mask | None:
        readers = np.array([_may_read(access, *each) for each in self._readers], dtype=bool)
        documents: Mask = readers[self._reader_of]
        for field, value in filters:
            check_filter(field)
            found = self._rows(f"SELECT number FROM documents WHERE {field} = ?", [value])
            those = np.zeros(len(documents), dtype=bool)
            those[[number for (number,) in found]] = True
            documents &= those
        return None if documents.all() else documents[self._document_of]

    def _hits(self, numbers: Numbers, scores: dict[str, Scores]) -> list[Hit]:
        wanted = numbers.tolist()
        rows = {row[0]: row for row in self._rows(_HITS.format(",".join("?" * len(wanted))), wanted)}
        found = self._in_order(rows, wanted)
        columns = {name: values.tolist() for name, values in scores.items()}
        return [
            hit_of(row, {name: values[place] for name, values in columns.items()}) for place, row in enumerate(found)
        ]


def _may_read(access: Access, tenant: str, groups: frozenset[str]) -> bool:
    """Shared or of the asker's tenant, and for all of it or a group of the asker's."""
    return tenant in ("", access.tenant) and (not groups or not groups.isdisjoint(access.groups))
