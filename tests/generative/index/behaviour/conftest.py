"""The stores of indexes that the functions of this folder run over. A new one is one entry more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs

from kreis.generative.documents.document import Document
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Index
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


@pytest.fixture(scope="module", params=[sqlite, sqlite_with_graph], ids=lambda make: make.__name__)
def publish(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Publishes pages as a version, and opens it."""
    made: Publish = request.param(tmp_path_factory.mktemp("index"))
    return made


@pytest.fixture(scope="module")
def handbook(publish: Publish) -> Index:
    return publish(PAGES)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return LocalEmbedding(E5).open()
