"""An index without some documents is the index of the others, byte for byte."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs, page

from kreis.generative.chunking.kinds import ByStructure, ParentChild
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index import build as building
from kreis.generative.index.build import build_index
from kreis.generative.index.erasing import entries_of, without

EMBEDDING = LocalEmbedding(E5)


def rewritten(place, gone, target, **options):
    with closing(sqlite3.connect(place)) as file:
        numbers = [n for n, each in entries_of(file) if (each.readers[0], each.said[0]) in gone]
        return without(file, numbers, target, where="index", **options)


@pytest.mark.parametrize("embedding", [None, EMBEDDING])
@pytest.mark.parametrize("chunker", [Paragraphs(), Paragraphs(parents=True), ByStructure(), ParentChild()])
def test_it_is_the_index_of_the_others(tmp_path, chunker, embedding):
    def built(name, pages):
        return build_index(pages, chunker=chunker, embedding=embedding, cache=None, place=tmp_path / name)

    built("whole", PAGES)
    for gone in (set(), {("", "leave.md")}, {("acme", "plans.md"), ("", "urlaub.md")}, {("acme", "merger.md")}):
        rest = [each for each in PAGES if (each.tenant, each.id) not in gone]
        wanted = built("rest", rest)
        assert rewritten(tmp_path / "whole", gone, tmp_path / "without") == wanted
        assert (tmp_path / "without").read_bytes() == (tmp_path / "rest").read_bytes()


def test_every_document_may_go(tmp_path):
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    build_index(PAGES, chunker=Paragraphs(), embedding=EMBEDDING, cache=None, place=whole)
    wanted = build_index([], chunker=Paragraphs(), embedding=EMBEDDING, cache=None, place=rest)
    assert rewritten(whole, {(each.tenant, each.id) for each in PAGES}, tmp_path / "without") == wanted


def test_the_graph_is_made_anew_or_left_out_where_few_chunks_stay(tmp_path):
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    build_index(PAGES, chunker=Paragraphs(), embedding=EMBEDDING, cache=None, place=whole, exact_up_to=9)
    for gone in ({("acme", "plans.md")}, {("", "leave.md")}):
        pages = [each for each in PAGES if (each.tenant, each.id) not in gone]
        options = {"chunker": Paragraphs(), "embedding": EMBEDDING, "cache": None, "exact_up_to": 9}
        wanted = build_index(pages, place=rest, **options)
        assert (wanted.recall is None) == (wanted.chunks <= 9)
        assert rewritten(whole, gone, tmp_path / "without", exact_up_to=9) == wanted
        assert (tmp_path / "without").read_bytes() == rest.read_bytes()


def test_vectors_of_many_pieces(tmp_path, monkeypatch):
    pages = [page(f"{n:03}", f"leave {n} of {n % 7}\nhotel {n % 5} hotel") for n in range(100)]
    monkeypatch.setattr(building, "_PIECE", 64)
    options = {"chunker": Paragraphs(), "embedding": EMBEDDING, "cache": None}
    build_index(pages, place=tmp_path / "whole", **options)
    wanted = build_index(pages[:40] + pages[60:], place=tmp_path / "rest", **options)
    gone = {("", f"{n:03}") for n in range(40, 60)}
    assert rewritten(tmp_path / "whole", gone, tmp_path / "without") == wanted


def test_nothing_of_it_is_left(tmp_path):
    place, target = tmp_path / "index", tmp_path / "without"
    person = page("person.md", "Frau Kowalczyk has a Zweitwohnung.", title="Kowalczyk")
    build_index([*PAGES, person], chunker=Paragraphs(), embedding=EMBEDDING, cache=None, place=place)
    assert re.search(rb"zweitwohnung|kowalczyk|person\.md", place.read_bytes(), re.IGNORECASE)
    rewritten(place, {("", "person.md")}, target)
    assert not re.search(rb"zweitwohnung|kowalczyk|person\.md", target.read_bytes(), re.IGNORECASE)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["index", "without"]
