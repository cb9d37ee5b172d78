"""Vectors by content: a text that was embedded by a model is not embedded by it again."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from kreis.durable import make_directory
from kreis.errors import StoreError
from kreis.generative.embeddings.embedding import Embedder, Vectors

__all__ = ["EmbeddingCache"]

_WAIT_S = 60.0
"""How long one process waits for another one that writes."""
_AT_ONCE = 500
"""Values in one statement."""


class EmbeddingCache:
    """A SQLite file of vectors. It holds no text, only digests of texts; but a vector tells of its text, so an erasure
    empties it too (`forget`). Processes and threads may share the file. All in it can be computed again: a row that is
    damaged is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        make_directory(path.parent)
        with self._open() as file:
            file.execute(
                "CREATE TABLE IF NOT EXISTS vectors (text BLOB, model BLOB, document BLOB, vector BLOB, crc INTEGER,"
                " PRIMARY KEY (text, model))"
            )
            file.execute("CREATE INDEX IF NOT EXISTS of_document ON vectors (document)")

    def passages(self, embedder: Embedder, texts: Sequence[str], *, of: Sequence[str]) -> Vectors:
        """The vectors of passages, shape (n, d): from the file, and by the model where it has none yet.

        Args:
            embedder: The model.
            texts: The passages.
            of: The document of each, as an erasure will name it.

        Raises:
            ServiceError: an endpoint does not answer.
            StoreError: the file can't be read or written.
        """
        keys = [_digest(text) for text in texts]
        model = bytes.fromhex(embedder.digest)
        found = self._read(set(keys), model, embedder.dimension)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            made = embedder.passages(list(missing.values()))
            new = dict(zip(missing, made, strict=True))
            documents = {key: _digest(document) for key, document in zip(reversed(keys), reversed(of), strict=True)}
            self._write([(key, model, documents[key], vector.tobytes()) for key, vector in new.items()])
            found |= new
        return np.array([found[key] for key in keys], dtype=np.float32).reshape(len(keys), embedder.dimension)

    def forget(self, *, documents: Iterable[str] = (), texts: Iterable[str] = ()) -> int:
        """Delete the vectors of documents, and of texts, for good: their bytes are overwritten.

        Args:
            documents: As `passages` was told them.
            texts: The passages themselves.

        Returns:
            How many vectors were deleted.

        Raises:
            StoreError: the file can't be written.
        """
        deleted = 0
        with self._open() as file:
            for column, values in (("document", documents), ("text", texts)):
                for value in values:
                    statement = f"DELETE FROM vectors WHERE {column} = ?"
                    deleted += file.execute(statement, [_digest(value)]).rowcount
        return deleted

    def __len__(self) -> int:
        """Vectors."""
        with self._open() as file:
            return int(file.execute("SELECT count(*) FROM vectors").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as file, file:
                file.execute("PRAGMA secure_delete = ON")
                yield file
        except sqlite3.Error as error:
            raise StoreError(
                f"vectors can't be read or written: {error}",
                where=str(self._path),
                hint="delete the file, if it is damaged: all in it is computed again",
            ) from error

    def _read(self, keys: set[bytes], model: bytes, dimension: int) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        wanted = sorted(keys)
        with self._open() as file:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                statement = f"SELECT text, vector, crc FROM vectors WHERE model = ? AND text IN ({marks})"
                for key, vector, crc in file.execute(statement, [model, *some]):
                    if zlib.crc32(vector) == crc and len(vector) == 4 * dimension:
                        found[key] = np.frombuffer(vector, dtype="<f4")
        return found

    def _write(self, rows: list[tuple[bytes, bytes, bytes, bytes]]) -> None:
        with self._open() as file:
            file.executemany(
                "INSERT OR REPLACE INTO vectors (text, model, document, vector, crc) VALUES (?, ?, ?, ?, ?)",
                [(*row, zlib.crc32(row[-1])) for row in rows],
            )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
