"""What is asked of every index: it finds what a person may read, and nothing else is even a candidate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.generative.handbook import KNOWN, PAGES, page

from kreis.errors import ProjectError
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.index import Access, Hit, Index, Query

AT = int(KNOWN.timestamp() * 1e6)


def asked(text: str, tenant: str = "", groups: tuple[str, ...] = (), **fields: Any) -> Query:
    return Query(text=text, access=Access(tenant=tenant, groups=frozenset(groups)), **fields)


def both(index: Index, embedder: Embedder, query: Query) -> list[list[Hit]]:
    return [index.lexical(query), index.dense(query, embedder.queries([query.text]))]


def test_words_find_the_chunks_that_hold_them_best_first(handbook: Index) -> None:
    hits = handbook.lexical(asked("How long is parental leave?"))
    assert hits[0].text == "Parental leave lasts up to 36 months."
    assert [hit.score for hit in hits] == sorted((hit.lexical for hit in hits), reverse=True)
    assert all(hit.lexical > 0 == hit.dense for hit in hits)


def test_vectors_find_what_is_meant_across_languages(handbook: Index, embedder: Embedder) -> None:
    query = asked("Wie lange kann ich für mein Baby zu Hause bleiben?", top=2)
    hits = handbook.dense(query, embedder.queries([query.text]))
    assert {hit.text for hit in hits} == {
        "Parental leave lasts up to 36 months.",
        "Die Elternzeit dauert bis zu 36 Monate.",
    }
    assert 1 >= hits[0].dense == hits[0].score >= hits[1].score > 0


def test_a_hit_says_where_it_stands(handbook: Index) -> None:
    [hit] = handbook.lexical(asked("parental"))
    leave = PAGES[0]
    assert (hit.document, hit.version, hit.title, hit.language) == ("leave.md", leave.version, "Leave", "en")
    assert (hit.source, hit.licence) == ("https://handbook.test/leave", "CC BY 4.0")
    assert leave.text[hit.start : hit.end] == hit.text == hit.shown
    assert hit.shown_start == hit.start


def test_a_chunk_is_shown_with_its_parent(publish) -> None:
    [hit] = publish(PAGES[:1], parents=True, embedding=None).lexical(asked("parental"))
    assert (hit.shown, hit.shown_start) == (PAGES[0].text, 0)
    assert hit.text == PAGES[0].text[hit.start : hit.end] != hit.shown


def test_titles_and_headings_are_searched(handbook: Index) -> None:
    assert {hit.document for hit in handbook.lexical(asked("travel"))} == {"travel.md"}


@pytest.mark.parametrize(
    ("tenant", "groups", "may_read"),
    [
        ("", (), set()),
        ("acme", (), {"Acme opens a hotel in Lisbon."}),
        ("acme", ("board", "x"), {"Acme opens a hotel in Lisbon.", "Acme buys a hotel chain."}),
        ("globex", ("board",), {"Globex closes its hotel in Rome."}),
        ("", ("board",), set()),
    ],
)
def test_only_what_a_person_may_read_is_found(handbook, embedder, tenant, groups, may_read) -> None:
    query = asked("hotel", tenant, groups, top=100)
    lexical, dense = both(handbook, embedder, query)
    assert {hit.text for hit in lexical} - {"A hotel may cost 120 euros a night."} == may_read
    of_tenants = {page.text for page in PAGES if page.tenant}
    assert {hit.text for hit in dense} & of_tenants == may_read


def test_groups_within_shared_documents(handbook: Index, embedder: Embedder) -> None:
    for groups, found in (((), False), (("drivers",), False), (("payroll",), True), (("managers", "payroll"), True)):
        for hits in both(handbook, embedder, asked("When are salary bands reviewed?", groups=groups, top=100)):
            assert ("salaries.md" in {hit.document for hit in hits}) is found


def test_the_best_of_what_may_be_read_not_what_may_be_read_of_the_best(handbook: Index, embedder: Embedder) -> None:
    for hits in both(handbook, embedder, asked("Acme hotel chain", "globex", top=1)):
        assert len(hits) == 1


def test_expired_documents_are_not_found_from_then_on(handbook: Index, embedder: Embedder) -> None:
    for at, found in ((0, True), (AT - 1, True), (AT, False), (AT + 1, False)):
        for hits in both(handbook, embedder, asked("canteen goose", top=100, at=at)):
            assert ("menu.md" in {hit.document for hit in hits}) is found
    [menu] = handbook.lexical(asked("goose", at=AT - 1))
    assert menu.expires == AT
    assert handbook.lexical(asked("parental"))[0].expires is None


def test_filters_are_held_together(handbook: Index, embedder: Embedder) -> None:
    for filters, found in (
        ({"language": "de"}, {"urlaub.md"}),
        ({"owner": "people", "language": "en"}, {"leave.md"}),
        ({"source": "https://handbook.test/leave"}, {"leave.md"}),
        ({"owner": "nobody"}, set()),
    ):
        lexical, dense = both(handbook, embedder, asked("leave urlaub hotel", filters=filters, top=100))
        assert {hit.document for hit in dense} == found
        assert {hit.document for hit in lexical} <= found


def test_a_filter_by_an_unknown_field_is_refused(handbook: Index) -> None:
    with pytest.raises(ProjectError, match=r"unknown field 'langage'(.|\n)*'language'"):
        handbook.lexical(asked("leave", filters={"langage": "de"}))


def test_at_most_top_are_given(handbook: Index, embedder: Embedder) -> None:
    for top in (1, 2, 3):
        for hits in both(handbook, embedder, asked("leave days hotel months", top=top)):
            assert len(hits) == top


@pytest.mark.parametrize(
    "text", ["", "  ", "?!", "xylophone", "'; DROP TABLE chunks; --", 'a" OR "b', "NEAR(", "\0", "ß" * 999]
)
def test_words_that_no_chunk_holds_find_nothing_and_break_nothing(handbook: Index, text: str) -> None:
    assert {hit.score > 0 for hit in handbook.lexical(asked(text))} <= {True}


def test_chunks_are_got_by_number_in_the_order_asked(handbook: Index) -> None:
    found = handbook.lexical(asked("leave days months", top=3))
    numbers = [hit.chunk for hit in found][::-1]
    again = handbook.hits(numbers)
    assert [hit.chunk for hit in again] == numbers
    assert [hit.text for hit in again] == [hit.text for hit in found][::-1]
    assert handbook.hits([]) == []
    with pytest.raises(ProjectError, match="no chunk 999"):
        handbook.hits([999])


def test_vectors_are_got_by_number(handbook: Index, embedder: Embedder) -> None:
    query = asked("parental leave", top=3)
    vector = embedder.queries([query.text])
    hits = handbook.dense(query, vector)
    cosines = handbook.vectors([hit.chunk for hit in hits]) @ vector[0]
    assert cosines == pytest.approx([hit.dense for hit in hits], abs=1e-3)


def test_a_vector_of_another_model_is_refused(handbook: Index) -> None:
    with pytest.raises(ProjectError, match="384 numbers"):
        handbook.dense(asked("leave"), np.ones((1, 3), dtype=np.float32))


def test_it_knows_its_size_and_what_it_was_made_of(handbook: Index, embedder: Embedder) -> None:
    assert len(handbook) == 11
    assert handbook.embedding == embedder.digest
    assert len(handbook.version) == 64


def test_the_version_follows_from_what_was_put_in(publish) -> None:
    pages = PAGES[:2]
    versions = {publish(pages, embedding=None).version, publish(pages[::-1], embedding=None).version}
    assert len(versions) == 1
    changes = ({"text": "Other."}, {"title": "Other"}, {"tenant": "acme"}, {"groups": ("a",)}, {"expires": KNOWN})
    for change in changes:
        versions.add(publish([pages[0], msgspec.structs.replace(pages[1], **change)], embedding=None).version)
    versions.add(publish(pages, embedding=None, parents=True).version)
    versions.add(publish(pages).version)
    assert len(versions) == 1 + len(changes) + 2


def test_an_index_of_nothing_finds_nothing(publish, embedder: Embedder) -> None:
    for pages in ([], [page("empty.md", "")]):
        index = publish(pages)
        assert len(index) == 0
        assert both(index, embedder, asked("leave")) == [[], []]


def test_threads_share_it(handbook: Index, embedder: Embedder) -> None:
    queries = [asked(text, tenant, top=5) for text in ("hotel", "parental leave") for tenant in ("", "acme", "globex")]
    vectors = embedder.queries([query.text for query in queries])

    def find(place: int) -> list[list[Hit]]:
        return [handbook.lexical(queries[place]), handbook.dense(queries[place], vectors[place : place + 1])]

    alone = [find(place) for place in range(len(queries))]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(find, [*range(len(queries))] * 20)) == alone * 20


@pytest.mark.parametrize("asked_for", ["Elternzeitantrag", "Zusatzurlaub", "Elternz", "URLAUBE"])
def test_compounds_are_found_by_their_parts_and_parts_by_compounds(handbook: Index, asked_for: str) -> None:
    assert {hit.document for hit in handbook.lexical(asked(asked_for))} == {"urlaub.md"}


def test_a_word_itself_counts_more_than_one_that_is_like_it(publish) -> None:
    index = publish([page("like.md", "Parentalleaves here"), page("same.md", "Parental here")], embedding=None)
    hits = index.lexical(asked("parental"))
    assert [hit.document for hit in hits] == ["same.md", "like.md"]


def test_bm25_is_that_of_its_paper(publish) -> None:
    """k1 = 1.2, b = 0.75; a rare word counts more, a second occurrence less than the first, a long chunk less."""
    texts = ["cat dog", "cat cat cow", "cow fox fox fox elk", "owl"]
    index = publish([page(f"{n}", text) for n, text in enumerate(texts)], embedding=None)
    mean = sum(len(text.split()) for text in texts) / 4

    def expected(text: str, *terms: str) -> float:
        words = text.split()
        return sum(
            np.log(1 + (4 - holding + 0.5) / (holding + 0.5))
            * (words.count(term) * 2.2 / (words.count(term) + 1.2 * (0.25 + 0.75 * len(words) / mean)))
            for term in terms
            for holding in [sum(term in each.split() for each in texts)]
        )

    found = {hit.text: hit.score for hit in index.lexical(asked("cat fox"))}
    assert found == pytest.approx({text: expected(text, "cat", "fox") for text in texts[:3]}, rel=1e-5)
    twice = {hit.text: hit.score for hit in index.lexical(asked("cat cat"))}
    assert twice == pytest.approx({text: 2 * expected(text, "cat") for text in texts[:2]}, rel=1e-5)
