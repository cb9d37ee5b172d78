"""What an index file says of itself, and its tables."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["FORMAT", "HIT", "TABLES", "About", "searched_text"]

FORMAT: Final = "kreis.index/1"
TABLES: Final = """
CREATE TABLE about (document TEXT NOT NULL);
CREATE TABLE readers (number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, groups TEXT NOT NULL);
CREATE TABLE documents (number INTEGER PRIMARY KEY, id TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL,
    source TEXT NOT NULL, language TEXT NOT NULL, owner TEXT NOT NULL, licence TEXT NOT NULL,
    readers INTEGER NOT NULL, known_at INTEGER NOT NULL, expires INTEGER);
CREATE TABLE parents (number INTEGER PRIMARY KEY, start INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE chunks (number INTEGER PRIMARY KEY, document INTEGER NOT NULL, start INTEGER NOT NULL,
    stop INTEGER NOT NULL, heading TEXT NOT NULL, page INTEGER, parent INTEGER, words INTEGER NOT NULL,
    text TEXT NOT NULL);
CREATE TABLE terms (term TEXT NOT NULL, postings BLOB NOT NULL);
CREATE TABLE vectors (piece INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE graph (piece INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""
"""Numbers count from 0. Moments are microseconds since 1970 UTC. Vectors are float16, little-endian, row by row."""

HIT: Final = """
chunks.number, documents.id, documents.version, chunks.start, chunks.stop, chunks.text, parents.text, parents.start,
chunks.heading, documents.title, documents.source, documents.language, documents.licence, chunks.page,
documents.expires
"""
"""The columns of a hit, as `hit_of` takes them."""


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one row of `about`. A field may be added with a default (docs/decisions/0010-formats.md)."""

    format: str
    version: str
    """Digest of documents, chunker and embedding model."""
    analysis: str
    """The rules that made terms of words."""
    chunker: dict[str, Any]
    embedding: str
    """Digest of the model; empty: no vectors."""
    dimension: int
    documents: int
    chunks: int
    words: int
    """In all chunks."""
    recall: float | None = None
    """Share of the ten nearest chunks that the graph finds; None: there is none, all are compared."""


def searched_text(title: str, heading: str, text: str) -> str:
    """What is searched by words and embedded: a chunk's text below its document's title and the headings above it."""
    titles = [heading] if heading.startswith(title) else [title, heading]
    return "\n".join([*filter(None, titles), text])
