"""An index in PostgreSQL, with pgvector."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec
import numpy as np

from kreis.errors import StoreError, library
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.about import HIT, About
from kreis.generative.index.bm25 import K1, MOST_LIKE, B, candidates, related
from kreis.generative.index.index import Hit, Query
from kreis.generative.index.postings import postings_of
from kreis.generative.index.reading import (
    OfAbout,
    about_of,
    check_filter,
    check_vector,
    hit_of,
    pieces_of,
    read_about,
    spread,
)
from kreis.generative.index.words import is_long, term_of, words_of

__all__ = ["PostgresIndex", "publish", "withdraw"]

_SCHEMA: Final = "kreis_index_"
_TABLES: Final = """
CREATE TABLE about (document text NOT NULL);
CREATE TABLE readers (number integer PRIMARY KEY, tenant text NOT NULL, groups text[] NOT NULL);
CREATE TABLE documents (number integer PRIMARY KEY, id text NOT NULL, version text NOT NULL, title text NOT NULL,
    source text NOT NULL, language text NOT NULL, owner text NOT NULL, licence text NOT NULL,
    readers integer NOT NULL, known_at bigint NOT NULL, expires bigint);
CREATE TABLE parents (number integer PRIMARY KEY, start integer NOT NULL, text text NOT NULL);
CREATE TABLE chunks (number integer PRIMARY KEY, document integer NOT NULL, start integer NOT NULL,
    stop integer NOT NULL, heading text NOT NULL, page integer, parent integer, norm real NOT NULL, text text NOT NULL,
    vector halfvec({dimension}));
CREATE TABLE terms (term text COLLATE "C" PRIMARY KEY, chunks integer[] NOT NULL, counts smallint[] NOT NULL);
"""
_COPIED: Final = {
    "documents": "number, id, version, title, source, language, owner, licence, readers, known_at, expires",
    "parents": "number, start, text",
}
_ALLOWED: Final = """
FROM chunks JOIN documents ON documents.number = chunks.document JOIN readers ON readers.number = documents.readers
LEFT JOIN parents ON parents.number = chunks.parent {joined}
WHERE (readers.tenant = '' OR readers.tenant = %(tenant)s)
  AND (cardinality(readers.groups) = 0 OR readers.groups && %(groups)s::text[])
  AND (%(at)s::bigint = 0 OR documents.expires IS NULL OR documents.expires > %(at)s) {filters}
"""
_LEXICAL: Final = """
WITH wanted AS (SELECT * FROM
          unnest(%(parts)s::text[], %(terms)s::text[], %(weights)s::real[]) AS w(part, term, weight)),
found AS (SELECT part, chunk, sum(weight * count) AS count FROM wanted JOIN terms USING (term),
          unnest(terms.chunks, terms.counts) AS p(chunk, count) GROUP BY part, chunk),
rare AS (SELECT part, ln(1 + (%(size)s - count(*) + 0.5) / (count(*) + 0.5)) AS rarity FROM found GROUP BY part),
asked AS (SELECT * FROM unnest(%(asked)s::text[], %(times)s::integer[]) AS a(part, times)),
scored AS (SELECT chunk, sum(times * rarity * (%(k1)s + 1) * count / (count + norm)) AS score
           FROM found JOIN rare USING (part) JOIN asked USING (part) JOIN chunks ON chunks.number = chunk
           GROUP BY chunk)
"""

Row = tuple[Any, ...]


def publish(url: str, file: Path) -> None:
    """Copy an index file into a schema of its own. See `PostgresIndexes.publish`."""
    psycopg = _psycopg()
    with (
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        _connected(url) as connection,
        connection.cursor() as cursor,
    ):
        about = read_about(source, where=str(file))
        name = _SCHEMA + about.version[:40]
        schema = psycopg.sql.Identifier(name)
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        if cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone():
            return
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute(psycopg.sql.SQL("CREATE SCHEMA {}").format(schema))
        cursor.execute(psycopg.sql.SQL("SET LOCAL search_path TO {}, public").format(schema))
        cursor.execute(_TABLES.format(dimension=max(about.dimension, 1)))
        for table, columns in _COPIED.items():
            _copy(cursor, table, columns, source.execute(f"SELECT {columns} FROM {table}"))
        _copy(cursor, "readers", "number, tenant, groups", _readers(source))
        _copy(cursor, "chunks", _CHUNK, _chunks(source, about))
        _copy(cursor, "terms", "term, chunks, counts", _terms(source))
        if about.recall is not None:
            cursor.execute("CREATE INDEX ON chunks USING hnsw (vector halfvec_cosine_ops)")
        cursor.execute("INSERT INTO about VALUES (%s)", [msgspec.json.encode(about).decode()])


def withdraw(url: str, version: str) -> None:
    """Delete a version, with its files."""
    name = _psycopg().sql.Identifier(_SCHEMA + version[:40])
    with _connected(url) as connection:
        connection.execute(_psycopg().sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))


class PostgresIndex(OfAbout):
    """See `Index`. The database filters, ranks and counts; nothing but connections stands in memory."""

    def __init__(self, url: str, version: str) -> None:
        self._url = url
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._schema = _SCHEMA + version[:40]
        super().__init__(self._read_about(version))

    def lexical(self, query: Query) -> list[Hit]:
        """See `Index.lexical`."""
        asked = Counter(map(term_of, words_of(query.text)))
        asked.pop("", None)
        wanted = [(part, term, weight) for part in asked for term, weight in self._related(part)]
        values = {
            **{name: [row[place] for row in wanted] for place, name in enumerate(("parts", "terms", "weights"))},
            "asked": list(asked),
            "times": list(asked.values()),
            "size": len(self),
            "k1": K1,
        }
        order = "ORDER BY score DESC, chunks.number LIMIT %(top)s"
        select = f"{_LEXICAL} SELECT {HIT}, score"
        rows = self._ranked(select, "JOIN scored ON scored.chunk = chunks.number", order, query, values)
        return [hit_of(row, {"score": float(score), "lexical": float(score)}) for *row, score in rows]

    def dense(self, query: Query, vector: Vectors) -> list[Hit]:
        """See `Index.dense`."""
        check_vector(vector, self._about)
        values = {"vector": str(vector[0].tolist())}
        distance = "chunks.vector <=> %(vector)s::halfvec"
        order = f"ORDER BY {distance}, chunks.number LIMIT %(top)s"
        rows = self._ranked(f"SELECT {HIT}, 1 - ({distance})", "", order, query, values)
        return [hit_of(row, {"score": score, "dense": score}) for *row, score in rows]

    def hits(self, chunks: Sequence[int]) -> list[Hit]:
        """See `Index.hits`."""
        tables = (
            "chunks JOIN documents ON documents.number = chunks.document LEFT JOIN parents ON parents.number = parent"
        )
        rows = self._rows(f"SELECT {HIT} FROM {tables} WHERE chunks.number = ANY(%s)", [list(chunks)])
        found = {row[0]: row for row in rows}
        return [hit_of(row, {}) for row in self._in_order(found, chunks)]

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """See `Index.vectors`."""
        rows: Any = self._rows("SELECT number, vector::real[] FROM chunks WHERE number = ANY(%s)", [list(chunks)])
        by_number = dict(rows)
        made: Vectors = np.array([by_number[chunk] for chunk in chunks], dtype=np.float32)
        return made.reshape(len(chunks), self._about.dimension)

    def private(self, most: int) -> list[Hit]:
        """See `Index.private`."""
        rows: Any = self._rows(
            "SELECT chunks.number FROM chunks JOIN documents ON documents.number = chunks.document JOIN readers"
            " ON readers.number = documents.readers WHERE readers.tenant <> '' OR cardinality(readers.groups) > 0"
            " ORDER BY chunks.number",
            [],
        )
        return self.hits(spread([number for (number,) in rows], most))

    def close(self) -> None:
        """End connections."""
        while True:
            try:
                self._free.get_nowait().close()
            except Empty:
                return

    def _related(self, term: str) -> list[tuple[str, float]]:
        longer: list[str] = []
        if is_long(term):
            beginning = "SELECT term FROM terms WHERE term > %s AND term < %s ORDER BY length(term), term LIMIT %s"
            longer = [found for (found,) in self._rows(beginning, [term, f"{term}\U0010ffff", MOST_LIKE])]
        rows = self._rows("SELECT term FROM terms WHERE term = ANY(%s)", [candidates(term, longer)])
        return related(term, longer, {found for (found,) in rows})

    def _ranked(self, select: str, joined: str, order: str, query: Query, values: dict[str, Any]) -> list[Row]:
        """Chunks that a person may read, in an order."""
        for field in query.filters:
            check_filter(field)
        filters = " ".join(f"AND documents.{field} = %(by_{field})s" for field in query.filters)
        values = values | {f"by_{field}": value for field, value in query.filters.items()}
        values |= {"tenant": query.access.tenant, "groups": list(query.access.groups), "at": query.at, "top": query.top}
        return self._rows(f"{select} {_ALLOWED.format(joined=joined, filters=filters)} {order}", values)

    def _read_about(self, version: str) -> About:
        psycopg = _psycopg()
        try:
            document = self._rows("SELECT document FROM about", [])[0][0]
        except StoreError as error:
            if isinstance(error.__cause__, psycopg.errors.UndefinedTable):
                raise StoreError(
                    f"no index {version[:12]} is published there", where="PostgreSQL", hint="publish it first"
                ) from None
            raise
        return about_of(document, where="PostgreSQL")

    def _rows(self, statement: str, values: Any) -> list[Row]:
        with _speaking():
            connection = self._connection()
            try:
                with connection.transaction():
                    found: list[Row] = connection.execute(statement, values).fetchall()
            except BaseException:
                connection.close()
                raise
            self._free.put(connection)
        return found

    def _connection(self) -> Any:
        try:
            return self._free.get_nowait()
        except Empty:
            connection = _psycopg().connect(self._url, autocommit=True)
            path = _psycopg().sql.SQL("SET search_path TO {}, public").format(_psycopg().sql.Identifier(self._schema))
            connection.execute(path)
            connection.execute("SET hnsw.iterative_scan = strict_order")
            connection.execute("SET hnsw.ef_search = 200")
            return connection


_CHUNK: Final = "number, document, start, stop, heading, page, parent, norm, text, vector"


def _readers(source: sqlite3.Connection) -> Iterator[Row]:
    for number, tenant, groups in source.execute("SELECT number, tenant, groups FROM readers"):
        yield number, tenant, msgspec.json.decode(groups, type=list[str])


def _chunks(source: sqlite3.Connection, about: About) -> Iterator[Row]:
    mean = max(about.words / max(about.chunks, 1), 1.0)
    vectors = (row for piece in pieces_of(source, about.dimension) for row in piece)
    columns = "number, document, start, stop, heading, page, parent, words, text"
    for *row, words, text in source.execute(f"SELECT {columns} FROM chunks ORDER BY number"):
        vector = str(next(vectors).tolist()) if about.dimension else None
        yield *row, K1 * (1 - B + B * words / mean), text, vector


def _terms(source: sqlite3.Connection) -> Iterator[Row]:
    for term, data in source.execute("SELECT term, postings FROM terms"):
        chunks, counts = postings_of(data)
        yield term, chunks.tolist(), counts.tolist()


def _copy(cursor: Any, table: str, columns: str, rows: Iterator[Row] | sqlite3.Cursor) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(each.replace("\0", " ") if isinstance(each, str) else each for each in row))


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    psycopg = _psycopg()
    with _speaking(), psycopg.connect(url) as connection:
        yield connection


@contextmanager
def _speaking() -> Iterator[None]:
    psycopg = _psycopg()
    try:
        yield
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(said, where="PostgreSQL", hint="check the address, and that it has pgvector") from error


def _psycopg() -> Any:
    library("psycopg.sql")
    return library("psycopg")
