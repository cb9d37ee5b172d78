"""Publish index files in Qdrant: under the version's name once all is there, and withdrawn."""

from __future__ import annotations

import sys

import pytest
from qdrant_client import QdrantClient
from tests.generative.handbook import PAGES, Paragraphs

from kreis.errors import MissingLibraryError, ProjectError, StoreError
from kreis.generative.index import qdrant_index
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.index.qdrant import QdrantIndexes
from kreis.generative.index.qdrant_index import QdrantIndex, publish, withdraw

INDEXES = QdrantIndexes(env="KREIS_TEST_QDRANT")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = tmp_path_factory.mktemp("index") / "index"
    built = build_index(PAGES[:3], chunker=Paragraphs(), embedding=None, cache=None, place=place)
    return place, built.version


@pytest.fixture
def client():
    return QdrantClient(":memory:")


def test_a_version_is_published_once_and_withdrawn(client, file):
    place, version = file
    publish(client, place)
    publish(client, place)
    assert len(client.get_collections().collections) == 1
    assert QdrantIndex(client, version).lexical(Query(text="parental", access=Access()))[0].document == "leave.md"
    withdraw(client, version)
    withdraw(client, version)
    assert client.get_collections().collections == []
    with pytest.raises(StoreError, match=r"no index \w+ is published"):
        QdrantIndex(client, version)


def test_a_publication_that_breaks_off_is_not_found_and_is_withdrawn_with_the_next(client, file, monkeypatch):
    def breaking(source, about):
        yield from ()
        raise RuntimeError("it broke off")

    with monkeypatch.context() as patch:
        patch.setattr(qdrant_index, "_points", breaking)
        with pytest.raises(RuntimeError):
            publish(client, file[0])
    with pytest.raises(StoreError, match="no index"):
        QdrantIndex(client, file[1])
    publish(client, file[0])
    assert len(QdrantIndex(client, file[1])) == 6
    withdraw(client, file[1])
    assert client.get_collections().collections == []


def test_an_address_that_is_missing_or_does_not_answer_is_said(monkeypatch, file):
    with pytest.raises(ProjectError, match="KREIS_TEST_QDRANT"):
        INDEXES.publish(file[0])
    monkeypatch.setenv("KREIS_TEST_QDRANT", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match="Qdrant"):
        INDEXES.open(file[1])


def test_without_its_client_it_says_what_to_install(monkeypatch, file):
    monkeypatch.setenv("KREIS_TEST_QDRANT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises((MissingLibraryError, ModuleNotFoundError), match="qdrant_client"):
        INDEXES.publish(file[0])
