"""The stores of indexes that the functions of this folder run over. A new one is one entry more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs
from tests.generative.index.conftest import POSTGRES

from kreis.generative.documents.document import Document
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index import qdrant_index
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Index
from kreis.generative.index.postgres import PostgresIndexes
from kreis.generative.index.qdrant_index import QdrantIndex
from kreis.generative.index.sqlite import open_index

Publish = Callable[..., Index]


def sqlite(folder: Path, **options: Any) -> Publish:
    """Compares all vectors."""

    def publish(pages: Sequence[Document], *, parents: bool = False, embedding: str | None = E5) -> Index:
        kind = LocalEmbedding(embedding) if embedding else None
        place = folder / "handbook.index"
        build_index(pages, chunker=Paragraphs(parents), embedding=kind, cache=None, place=place, **options)
        return open_index(place)

    return publish


def sqlite_with_graph(folder: Path) -> Publish:
    return sqlite(folder, exact_up_to=0)


def postgres(folder: Path, **options: Any) -> Publish:
    """A real server, with pgvector."""
    indexes = PostgresIndexes(env=POSTGRES)
    opened: dict[str, Index] = {}

    def publish(pages: Sequence[Document], **said: Any) -> Index:
        made = sqlite(folder, **options)(pages, **said)
        indexes.publish(folder / "handbook.index")
        if made.version not in opened:
            opened[made.version] = indexes.open(made.version)
        return opened[made.version]

    publish.opened = opened
    return publish


def postgres_with_graph(folder: Path) -> Publish:
    return postgres(folder, exact_up_to=0)


def qdrant_local(folder: Path) -> Publish:
    """The client's own store: the same calls as to a server."""
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")

    def publish(pages: Sequence[Document], **said: Any) -> Index:
        made = sqlite(folder)(pages, **said)
        qdrant_index.publish(client, folder / "handbook.index")
        return QdrantIndex(client, made.version)

    return publish


STORES = [
    sqlite,
    sqlite_with_graph,
    qdrant_local,
    pytest.param(postgres, marks=pytest.mark.slow),
    pytest.param(postgres_with_graph, marks=pytest.mark.slow),
]


@pytest.fixture(scope="package", params=STORES, ids=lambda make: make.__name__)
def publish(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publish]:
    """Publishes pages as a version, and opens it."""
    if "postgres" in request.param.__name__:
        request.getfixturevalue("postgres_server")
    made: Publish = request.param(tmp_path_factory.mktemp("index"))
    yield made
    for index in getattr(made, "opened", {}).values():
        index.close()


@pytest.fixture(scope="package")
def handbook(publish: Publish) -> Index:
    return publish(PAGES)


@pytest.fixture(scope="package")
def embedder() -> Embedder:
    return LocalEmbedding(E5).open()
