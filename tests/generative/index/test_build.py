"""Build index files: whole, and the same to the byte for the same input."""

from __future__ import annotations

import re
import sqlite3

import msgspec
import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs, page

from kreis.digests import digest_of_file
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.generative.chunking.chunker import Chunk
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index import build as building
from kreis.generative.index import postings
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.index.sqlite import open_index


def built(place, pages, **options):
    return build_index(pages, **{"chunker": Paragraphs(), "embedding": None, "cache": None, "place": place} | options)


def test_the_same_input_gives_the_same_bytes_in_any_order_and_with_any_cache(tmp_path):
    embedding = LocalEmbedding(E5)
    cache = EmbeddingCache(tmp_path / "cache.sqlite")
    earlier = [msgspec.structs.replace(PAGES[0], text="It was different.\n" + PAGES[0].text), *PAGES[1:]]
    places = [tmp_path / name for name in ("scratch", "earlier", "incremental", "again", "shuffled")]
    first = built(places[0], PAGES, embedding=embedding)
    old = built(places[1], earlier, embedding=embedding, cache=cache)
    for place, pages in ((places[2], PAGES), (places[3], PAGES), (places[4], PAGES[::-1])):
        assert built(place, pages, embedding=embedding, cache=cache) == first
        assert place.read_bytes() == places[0].read_bytes()
    assert old.version != first.version
    assert (first.file.sha256, first.file.size) == (digest_of_file(places[0]), places[0].stat().st_size)
    assert (first.documents, first.chunks) == (8, 11)


def test_a_graph_is_made_above_its_bound_the_same_each_time_and_says_its_recall(tmp_path):
    whole, compared = tmp_path / "graph", tmp_path / "compared"
    first = built(whole, PAGES, embedding=LocalEmbedding(E5), exact_up_to=10)
    before = whole.read_bytes()
    assert built(whole, PAGES, embedding=LocalEmbedding(E5), exact_up_to=10) == first
    assert whole.read_bytes() == before
    assert first.recall == open_index(whole).recall == 1.0
    same = built(compared, PAGES, embedding=LocalEmbedding(E5), exact_up_to=11)
    assert same.recall is open_index(compared).recall is None
    assert same.version == first.version
    assert built(compared, PAGES, exact_up_to=0).recall is None


def test_pieces_of_any_size_give_the_same_answers(tmp_path, monkeypatch):
    """What is put aside to keep memory flat is merged whole."""
    pages = [page(f"{n:03}", f"leave {n} of {n % 7}\nhotel {n % 5} hotel") for n in range(100)]
    whole = tmp_path / "whole"
    built(whole, pages)
    monkeypatch.setattr(postings, "_PIECE", 50)
    monkeypatch.setattr(postings, "_MERGED", 30)
    monkeypatch.setattr(building, "_WRITTEN_AT_ONCE", 7)
    monkeypatch.setattr(building, "_PIECE", 3)
    built(tmp_path / "pieces", pages)
    for text in ("hotel", "leave 6", "3 5 99"):
        query = Query(text=text, access=Access(), top=30)
        one, other = (open_index(place).lexical(query) for place in (whole, tmp_path / "pieces"))
        assert one == other != []


def test_the_file_does_not_say_which_sqlite_wrote_it(tmp_path):
    built(tmp_path / "index", PAGES)
    assert (tmp_path / "index").read_bytes()[96:100] == bytes(4)


def test_a_word_that_stands_very_often_in_a_chunk_counts_as_such(tmp_path):
    pages = [page("256", "word " * 256), page("two", "word word" + " other" * 254)]
    built(tmp_path / "index", pages)
    hits = open_index(tmp_path / "index").lexical(Query(text="word", access=Access()))
    assert [hit.document for hit in hits] == ["256", "two"]


def test_nothing_but_the_file_is_left(tmp_path):
    built(tmp_path / "index", PAGES)
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def test_a_build_that_fails_leaves_what_was_there(tmp_path):
    place = tmp_path / "index"
    built(place, PAGES)
    before = place.read_bytes()

    def breaking():
        yield PAGES[0]
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError):
        built(place, breaking())
    assert place.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def test_a_rebuilt_file_holds_nothing_of_an_erased_document(tmp_path):
    place, secret = tmp_path / "index", "Zweitwohnung"
    cache = EmbeddingCache(tmp_path / "cache.sqlite")
    pages = [*PAGES, page("person.md", f"Frau Kowalczyk has a {secret}.", title="Kowalczyk")]
    built(place, pages, embedding=LocalEmbedding(E5), cache=cache)
    assert secret.encode() in place.read_bytes()
    built(place, PAGES, embedding=LocalEmbedding(E5), cache=cache)
    assert not re.search(rb"zweitwohnung|kowalczyk|person\.md", place.read_bytes(), re.IGNORECASE)


def test_two_documents_of_one_name_are_refused(tmp_path):
    with pytest.raises(ProjectError, match=r"two documents have the id 'leave\.md'"):
        built(tmp_path / "index", [PAGES[0], PAGES[0]])


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(start=0, end=999),
        Chunk(start=-1, end=3),
        Chunk(start=3, end=3),
        Chunk(start=5, end=9, parent=(6, 20)),
        Chunk(start=5, end=9, parent=(0, 8)),
    ],
)
def test_a_chunk_outside_its_text_or_parent_is_refused(tmp_path, chunk):
    class Wrong(Paragraphs):
        def chunks(self, document):
            yield chunk

    with pytest.raises(ProjectError, match=r"leave\.md: chunk"):
        built(tmp_path / "index", PAGES[:1], chunker=Wrong())


def test_progress_is_told(tmp_path):
    told = []
    built(tmp_path / "index", PAGES, progress=lambda *said: told.append(said))
    assert told[-1] == ("documents", 8, 8)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        open_index(tmp_path / "none")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"not an index at all" * 1000,
        lambda data: data[:100] + bytes(8000) + data[8100:],
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    place = tmp_path / "index"
    built(place, PAGES)
    place.write_bytes(damage(place.read_bytes()))
    with pytest.raises(CorruptionError, match="whole index"):
        open_index(place)


@pytest.mark.parametrize("table", ["vectors", "chunks", "documents", "about"])
def test_a_file_without_a_part_is_refused(tmp_path, table):
    place = tmp_path / "index"
    built(place, PAGES, embedding=LocalEmbedding(E5))
    with sqlite3.connect(place) as file:
        file.execute(f"DELETE FROM {table}")
    with pytest.raises(CorruptionError, match="whole index"):
        open_index(place)


@pytest.mark.parametrize(("said", "problem"), [("kreis.index/1", "kreis.index/9"), ("kreis.words/1", "kreis.words/9")])
def test_a_file_of_another_version_is_refused(tmp_path, said, problem):
    place = tmp_path / "index"
    built(place, PAGES)
    with sqlite3.connect(place) as file:
        file.execute("UPDATE about SET document = replace(document, ?, ?)", (said, problem))
    with pytest.raises(ProjectError, match=problem):
        open_index(place)
