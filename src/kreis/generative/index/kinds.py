"""The kinds of databases in which a package may say that its index is searched; none: in its file."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.index.postgres import PostgresIndexes
from kreis.generative.index.qdrant import QdrantIndexes

__all__ = ["IndexStoreKind", "PostgresIndexes", "QdrantIndexes"]

IndexStoreKind: TypeAlias = PostgresIndexes | QdrantIndexes
