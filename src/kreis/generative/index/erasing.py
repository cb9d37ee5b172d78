"""An index file without some of its documents: what `build_index` would give for those that stay, byte for byte.

All that an index is made of stands in it: rows, the chunks' texts, and the vectors as they were rounded. So neither the
documents nor the embedding model is needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.generative.chunking.chunker import Chunk
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.build import BuiltIndex, Entry, write_index
from kreis.generative.index.reading import pieces_of, read_about

__all__ = ["entries_of", "without"]

_SAID = "id, version, title, source, language, owner, licence, known_at, expires"


def without(
    file: sqlite3.Connection, gone: Collection[int], place: Path, *, where: str, exact_up_to: int = 100_000
) -> BuiltIndex:
    """Write an index anew without some documents.

    Args:
        file: The index file, opened.
        gone: The numbers of the documents that go (`entries_of`).
        place: The new file.
        where: Names the index in messages.
        exact_up_to: As `build_index` was told.

    Raises:
        MissingLibraryError: it has a graph, and faiss is not installed.
        ProjectError: another version of kreis wrote it.
        StoreError: the file can't be written.
    """
    about = read_about(file, where=where)
    vectors = _Vectors(about.embedding, about.dimension, _kept(file, gone, about.dimension))
    return write_index(
        (entry for number, entry in entries_of(file) if number not in gone),
        about.documents - len(set(gone)),
        chunker=about.chunker,
        embedder=vectors if about.embedding else None,
        cache=None,
        place=place,
        progress=lambda said, done, total: None,
        exact_up_to=exact_up_to,
    )


def entries_of(file: sqlite3.Connection) -> Iterator[tuple[int, Entry]]:
    """All that an index file holds of each document, with its number."""
    readers = {
        number: (tenant, tuple(msgspec.json.decode(groups, type=list[str])))
        for number, tenant, groups in file.execute("SELECT number, tenant, groups FROM readers")
    }
    documents = file.execute(f"SELECT number, readers, {_SAID} FROM documents ORDER BY number")
    chunks = file.execute(
        "SELECT document, chunks.start, stop, heading, page, chunks.text, parents.start, parents.text FROM chunks"
        " LEFT JOIN parents ON parents.number = chunks.parent ORDER BY chunks.number"
    )
    row = chunks.fetchone()
    for number, reader, *said, licence, known_at, expires in documents:
        rows = []
        while row is not None and row[0] == number:
            rows.append(row[1:])
            row = chunks.fetchone()
        yield number, _entry(readers[reader], tuple(said), licence, known_at, expires, rows)


def _entry(
    readers: tuple[str, tuple[str, ...]], said: Any, licence: str, known_at: int, expires: int | None, rows: list[Any]
) -> Entry:
    chunks, parents = [], {}
    for start, stop, heading, page, _, parent_start, parent_text in rows:
        parent = None if parent_text is None else (parent_start, parent_start + len(parent_text))
        chunks.append(Chunk(start=start, end=stop, heading=heading, parent=parent, page=page))
        if parent is not None:
            parents[parent] = parent_text
    return Entry(
        readers=readers,
        said=said,
        licence=licence,
        known_at=known_at,
        expires=expires,
        chunks=chunks,
        texts=[row[4] for row in rows],
        parents=parents,
    )


def _kept(file: sqlite3.Connection, gone: Collection[int], dimension: int) -> Iterator[npt.NDArray[np.float16]]:
    """The vectors of the chunks of documents that stay, one by one."""
    documents = (document for (document,) in file.execute("SELECT document FROM chunks ORDER BY number"))
    for piece in pieces_of(file, dimension):
        for vector in piece:
            if next(documents) not in gone:
                yield vector


class _Vectors:
    """In place of the model: it is asked for the chunks in their order, and gives what stands in the file."""

    def __init__(self, digest: str, dimension: int, vectors: Iterator[npt.NDArray[np.float16]]) -> None:
        self.digest, self.dimension, self._vectors = digest, dimension, vectors

    def passages(self, texts: Sequence[str]) -> Vectors:
        return np.array([next(self._vectors) for _ in texts], dtype=np.float32).reshape(-1, self.dimension)

    def queries(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError
