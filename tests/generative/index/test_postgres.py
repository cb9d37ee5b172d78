"""Publish index files in PostgreSQL: whole, once, and withdrawn without a trace."""

from __future__ import annotations

import sys

import pytest
from tests.generative.handbook import PAGES, Paragraphs, page
from tests.generative.index.conftest import POSTGRES

from kreis.errors import MissingLibraryError, ProjectError, StoreError
from kreis.generative.index import postgres_index
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.index.postgres import PostgresIndexes

INDEXES = PostgresIndexes(env=POSTGRES)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = tmp_path_factory.mktemp("index") / "index"
    built = build_index(
        [*PAGES[:3], page("of-this-test", "Alone.")], chunker=Paragraphs(), embedding=None, cache=None, place=place
    )
    return place, built.version


def lasting(server):
    import psycopg

    with psycopg.connect(server) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kreis%'").fetchall()
    return [name for (name,) in rows]


@pytest.mark.slow
def test_a_version_is_published_once_and_withdrawn(postgres_server, file):
    place, version = file
    before = lasting(postgres_server)
    INDEXES.publish(place)
    INDEXES.publish(place)
    index = INDEXES.open(version)
    assert index.lexical(Query(text="parental", access=Access()))[0].document == "leave.md"
    index.close()
    INDEXES.withdraw(version)
    INDEXES.withdraw(version)
    assert lasting(postgres_server) == before
    with pytest.raises(StoreError, match=r"no index \w+ is published"):
        INDEXES.open(version)


@pytest.mark.slow
def test_a_publication_that_breaks_off_leaves_nothing(postgres_server, file, monkeypatch):
    before = lasting(postgres_server)

    def breaking(source):
        yield ("leav", [0], [1])
        raise RuntimeError("it broke off")

    monkeypatch.setattr(postgres_index, "_terms", breaking)
    with pytest.raises(RuntimeError):
        INDEXES.publish(file[0])
    assert lasting(postgres_server) == before


def test_an_address_that_is_missing_or_does_not_answer_is_said(monkeypatch, file):
    monkeypatch.delenv(POSTGRES, raising=False)
    with pytest.raises(ProjectError, match=POSTGRES):
        INDEXES.publish(file[0])
    monkeypatch.setenv(POSTGRES, "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(StoreError, match="PostgreSQL"):
        INDEXES.open(file[1])


def test_without_psycopg_it_says_what_to_install(monkeypatch, file):
    monkeypatch.setenv(POSTGRES, "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises((MissingLibraryError, ModuleNotFoundError), match="psycopg"):
        INDEXES.open(file[1])
