"""Documents to an index file: written whole, in one order, byte for byte the same for the same input."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgspec
import numpy as np

from kreis.clock import in_utc, microseconds
from kreis.digests import canonical_json, digest_of_file
from kreis.durable import disk_of, fsync_directory, fsync_file, make_directory, storing
from kreis.errors import ProjectError, StoreError
from kreis.generative.chunking.chunker import Chunk, Chunker
from kreis.generative.documents.document import Document
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.embeddings.kinds import EmbeddingKind
from kreis.generative.index.about import FORMAT, TABLES, About, searched_text
from kreis.generative.index.graph import graph_of
from kreis.generative.index.postings import Postings
from kreis.generative.index.reading import pieces_of
from kreis.generative.index.words import ANALYSIS
from kreis.generative.stored import StoredFile

__all__ = ["BuiltIndex", "Entry", "Progress", "build_index", "document_key", "write_index"]

Progress = Callable[[str, int, int], None]
"""Told what is done, how many of them, and of how many."""

_EMBEDDED_AT_ONCE: Final = 64
_PIECE: Final = 8192
"""Vectors in a row of the file."""
_GRAPH_PIECE: Final = 1 << 24
_WRITTEN_AT_ONCE: Final = 1000


class BuiltIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index that stands in its file."""

    version: str
    """Of what was put in (`Index.version`)."""
    file: StoredFile
    """Of its bytes."""
    documents: int
    chunks: int
    words: int
    """In all chunks."""
    recall: float | None = None
    """Share of the ten nearest chunks that its graph finds; None: it compares all."""


def build_index(
    documents: Iterable[Document],
    *,
    chunker: Chunker,
    embedding: EmbeddingKind | None,
    cache: EmbeddingCache | None,
    place: Path,
    progress: Progress = lambda said, done, total: None,
    exact_up_to: int = 100_000,
) -> BuiltIndex:
    """Write the index of documents into one SQLite file, whole or not at all.

    Documents may come in any order, and are read once; memory grows with their number by a few bytes each. The same
    documents, chunker and embedding give the same bytes, whatever was in the cache.

    Args:
        documents: What is to be found; no two with the same tenant and id.
        chunker: What cuts them.
        embedding: The model of its vectors; None: it is searched by words only.
        cache: Vectors that were computed before; None: each is computed.
        place: The file; what stands there is replaced.
        progress: Is told "documents", how many are indexed, and of how many.
        exact_up_to: Chunks up to which a search compares all vectors; above, a graph of neighbours is made, whose
            recall is measured.

    Raises:
        ProjectError: two documents are the same one, or a chunk lies outside its document.
        ServiceError: an endpoint of embeddings does not answer.
        StoreError: the file can't be written.
    """
    embedder = None if embedding is None else embedding.open()
    with storing(f"index {place}"):
        make_directory(place.parent)
        with TemporaryFile(dir=place.parent) as waiting:
            ordered = _Sorted(waiting, documents)
            entries = (_entry(document, chunker) for document in ordered)
            return write_index(
                entries,
                len(ordered),
                chunker=chunker.parameters(),
                embedder=embedder,
                cache=cache,
                place=place,
                progress=progress,
                exact_up_to=exact_up_to,
            )


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What an index holds of a document."""

    readers: tuple[str, tuple[str, ...]]
    """Tenant, and groups in order."""
    said: tuple[str, str, str, str, str, str]
    """Id, version, title, source, language, owner."""
    licence: str
    known_at: int
    expires: int | None
    """Moments in microseconds since 1970 UTC."""
    chunks: list[Chunk]
    texts: list[str]
    """Of each chunk."""
    parents: dict[tuple[int, int], str]
    """The texts of the chunks' parents."""


def write_index(
    entries: Iterable[Entry],
    count: int,
    *,
    chunker: dict[str, Any],
    embedder: Embedder | None,
    cache: EmbeddingCache | None,
    place: Path,
    progress: Progress,
    exact_up_to: int,
) -> BuiltIndex:
    """Write an index file of so many entries, by tenant and id; see `build_index`. `chunker`: its parameters."""
    with storing(f"index {place}"):
        unfinished = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
        try:
            with closing(_new_file(unfinished)) as file:
                writing = _Writing(file, unfinished.parent, chunker, embedder, cache)
                with closing(writing.postings):
                    about = writing.write(entries, count, progress, exact_up_to)
                file.commit()
            _forget_who_wrote(unfinished)
            fsync_file(unfinished)
            built = BuiltIndex(
                version=about.version,
                file=StoredFile(digest_of_file(unfinished), unfinished.stat().st_size),
                documents=about.documents,
                chunks=about.chunks,
                words=about.words,
                recall=about.recall,
            )
            unfinished.rename(place)
            fsync_directory(place.parent)
        except sqlite3.Error as error:
            raise StoreError(f"it can't be written: {error}", where=str(place), hint=disk_of(place)) from error
        finally:
            unfinished.unlink(missing_ok=True)
    return built


class _Sorted:
    """Documents by tenant and id. They wait in a temporary file; only their keys and places stand in memory."""

    def __init__(self, file: IO[bytes], documents: Iterable[Document]) -> None:
        self._file = file
        self._places: list[tuple[str, str, int, int]] = []
        place = 0
        for document in documents:
            data = msgspec.msgpack.encode(document)
            self._file.write(data)
            self._places.append((document.tenant, document.id, place, len(data)))
            place += len(data)
        self._places.sort()
        for one, other in zip(self._places, self._places[1:], strict=False):
            if one[:2] == other[:2]:
                raise ProjectError(
                    f"two documents have the id {one[1]!r}",
                    where="index",
                    hint="an index holds one version of each; keep the latest",
                )

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Document]:
        decoder = msgspec.msgpack.Decoder(Document)
        for _, _, place, size in self._places:
            self._file.seek(place)
            yield decoder.decode(self._file.read(size))


class _Writing:
    """The rows of one file, as they come."""

    def __init__(
        self,
        file: sqlite3.Connection,
        folder: Path,
        chunker: dict[str, Any],
        embedder: Embedder | None,
        cache: EmbeddingCache | None,
    ) -> None:
        self._file, self._chunker, self._embedder, self._cache = file, chunker, embedder, cache
        self.postings = Postings(folder)
        self._digest = hashlib.sha256()
        self._readers: dict[tuple[str, tuple[str, ...]], int] = {}
        self._chunks: list[tuple[Any, ...]] = []
        self._count = 0
        self._parents = 0
        self._waiting: list[tuple[str, str]] = []
        """Texts to be embedded, and the document of each."""
        self._vectors: list[Vectors] = []
        self._pieces = 0

    def write(self, entries: Iterable[Entry], documents: int, progress: Progress, exact_up_to: int) -> About:
        """All of it."""
        self._include([FORMAT, ANALYSIS, self._chunker, self._embedder and self._embedder.digest])
        for number, entry in enumerate(entries):
            self._document(number, entry)
            if number % 100 == 0:
                progress("documents", number, documents)
        self._embed()
        self._write_vectors()
        self._write_chunks()
        self._file.executemany("INSERT INTO terms VALUES (?, ?)", self.postings.rows())
        self._file.execute("CREATE UNIQUE INDEX terms_by_name ON terms (term)")
        self._file.executemany(
            "INSERT INTO readers VALUES (?, ?, ?)",
            [(n, tenant, msgspec.json.encode(groups).decode()) for (tenant, groups), n in self._readers.items()],
        )
        about = About(
            format=FORMAT,
            version=self._digest.hexdigest(),
            analysis=ANALYSIS,
            chunker=self._chunker,
            embedding=self._embedder.digest if self._embedder else "",
            dimension=self._embedder.dimension if self._embedder else 0,
            documents=documents,
            chunks=self._count,
            words=sum(self.postings.lengths),
            recall=self._write_graph() if self._embedder and self._count > exact_up_to else None,
        )
        self._file.execute("INSERT INTO about VALUES (?)", [canonical_json(about).decode()])
        progress("documents", documents, documents)
        return about

    def _document(self, number: int, entry: Entry) -> None:
        reader = self._readers.setdefault(entry.readers, len(self._readers))
        row_ends = (entry.licence, reader, entry.known_at, entry.expires)
        self._file.execute(f"INSERT INTO documents VALUES ({_marks(11)})", (number, *entry.said, *row_ends))
        self._include([entry.readers, entry.said, row_ends, entry.chunks])
        parents: dict[tuple[int, int], int] = {}
        for chunk, text in zip(entry.chunks, entry.texts, strict=True):
            self._chunk(number, entry, chunk, text, parents)

    def _chunk(self, number: int, entry: Entry, chunk: Chunk, text: str, parents: dict[tuple[int, int], int]) -> None:
        if chunk.parent and chunk.parent not in parents:
            row = (self._parents, chunk.parent[0], entry.parents[chunk.parent])
            self._file.execute("INSERT INTO parents VALUES (?, ?, ?)", row)
            parents[chunk.parent] = self._parents
            self._parents += 1
        searched = searched_text(entry.said[2], chunk.heading, text)
        self.postings.add(searched)
        self._chunks.append(
            (
                self._count,
                number,
                chunk.start,
                chunk.end,
                chunk.heading,
                chunk.page,
                parents[chunk.parent] if chunk.parent else None,
                self.postings.lengths[-1],
                text,
            )
        )
        self._count += 1
        if len(self._chunks) >= _WRITTEN_AT_ONCE:
            self._write_chunks()
        if self._embedder:
            self._waiting.append((searched, document_key(entry.readers[0], entry.said[0])))
            if len(self._waiting) >= _EMBEDDED_AT_ONCE:
                self._embed()

    def _write_chunks(self) -> None:
        self._file.executemany(f"INSERT INTO chunks VALUES ({_marks(9)})", self._chunks)
        self._chunks = []

    def _embed(self) -> None:
        if not self._waiting or self._embedder is None:
            return
        texts, of = [text for text, _ in self._waiting], [key for _, key in self._waiting]
        cache = self._cache
        made = self._embedder.passages(texts) if cache is None else cache.passages(self._embedder, texts, of=of)
        self._waiting = []
        self._vectors.append(made)
        if sum(map(len, self._vectors)) >= _PIECE:
            self._write_vectors()

    def _write_vectors(self) -> None:
        if self._vectors:
            data = np.concatenate(self._vectors).astype("<f2").tobytes()
            self._file.execute("INSERT INTO vectors VALUES (?, ?)", (self._pieces, data))
            self._vectors, self._pieces = [], self._pieces + 1

    def _write_graph(self) -> float:
        dimension = self._embedder.dimension if self._embedder else 0
        data, recall = graph_of(lambda: pieces_of(self._file, dimension), dimension)
        pieces = [data[start : start + _GRAPH_PIECE] for start in range(0, len(data), _GRAPH_PIECE)]
        self._file.executemany("INSERT INTO graph VALUES (?, ?)", enumerate(pieces))
        return recall

    def _include(self, said: Sequence[Any]) -> None:
        self._digest.update(canonical_json(said))


def document_key(tenant: str, document: str) -> str:
    """Names a document in a cache of vectors (`EmbeddingCache.forget`)."""
    return f"{tenant}\n{document}"


def _entry(document: Document, chunker: Chunker) -> Entry:
    chunks = list(chunker.chunks(document))
    for chunk in chunks:
        _check(chunk, document)
    said = (document.id, document.version, document.title, document.source, document.language, document.owner)
    return Entry(
        readers=(document.tenant, tuple(sorted(set(document.groups)))),
        said=said,
        licence=document.licence,
        known_at=microseconds(in_utc(document.known_at)),
        expires=None if document.expires is None else microseconds(in_utc(document.expires)),
        chunks=chunks,
        texts=[document.text[each.start : each.end] for each in chunks],
        parents={each.parent: document.text[slice(*each.parent)] for each in chunks if each.parent},
    )


def _new_file(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path)
    for setting in ("page_size = 8192", "journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
        file.execute(f"PRAGMA {setting}")
    file.executescript(TABLES)
    file.execute("BEGIN")
    return file


def _forget_who_wrote(path: Path) -> None:
    """Blank the version of the SQLite library that wrote last, in the header: it means nothing to a reader."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(handle, bytes(4), 96)
    finally:
        os.close(handle)


def _check(chunk: Chunk, document: Document) -> None:
    start, stop = chunk.parent or (chunk.start, chunk.end)
    if not 0 <= start <= chunk.start < chunk.end <= stop <= len(document.text):
        raise ProjectError(
            f"chunk {chunk.start} to {chunk.end} does not lie in its text of {len(document.text)} characters",
            where=f"document {document.id}",
            hint="a chunker gives places in the document's text, and a parent holds its chunk",
        )


def _marks(count: int) -> str:
    return ", ".join("?" * count)
