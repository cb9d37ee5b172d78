"""Find chunks by words, by vectors and by both."""

from __future__ import annotations

import msgspec
import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs, page

from kreis.errors import ProjectError
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.index.sqlite import open_index
from kreis.generative.language_models.kinds import LlamaCpp
from kreis.generative.retrieval.kinds import Dense, Diverse, Hybrid, Lexical, Rewritten, SearchKind

SEARCHES = {
    "lexical": Lexical(),
    "dense": Dense(),
    "hybrid": Hybrid(lexical=0.4),
    "diverse": Diverse(Hybrid(), apart=0.0),
    "rewritten": Rewritten(Hybrid(), model=LlamaCpp("smollm2-135m")),
}
REWRITTEN = Rewritten(Lexical(), model=LlamaCpp("smollm2-135m"), own=0.5)


def asked(text, top=5, **access):
    return Query(text=text, access=Access(**access), top=top)


@pytest.fixture(scope="module")
def handbook(tmp_path_factory):
    place = tmp_path_factory.mktemp("index") / "handbook"
    build_index(PAGES, chunker=Paragraphs(), embedding=LocalEmbedding(E5), cache=None, place=place)
    return open_index(place)


@pytest.fixture(scope="module")
def words_only(tmp_path_factory):
    place = tmp_path_factory.mktemp("index") / "words"
    build_index(PAGES, chunker=Paragraphs(), embedding=None, cache=None, place=place)
    return open_index(place)


@pytest.fixture(scope="module")
def model():
    return LocalEmbedding(E5).open()


@pytest.mark.parametrize("name", SEARCHES)
def test_it_is_data_in_a_package(name):
    search = SEARCHES[name]
    assert msgspec.json.decode(msgspec.json.encode(search), type=SearchKind) == search
    assert msgspec.to_builtins(search)["search"] == name


@pytest.mark.parametrize("name", SEARCHES)
def test_the_best_are_found_best_first(name, handbook, model):
    hits = SEARCHES[name].find(handbook, asked("parental leave"), model)
    assert hits[0].text == "Parental leave lasts up to 36 months."
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.chunk for hit in hits}) == len(hits) <= 5


@pytest.mark.parametrize("name", SEARCHES)
def test_what_may_not_be_read_is_not_found(name, handbook, model):
    query = asked("Acme buys a hotel chain", top=50, tenant="globex", groups=frozenset({"board"}))
    assert not {hit.document for hit in SEARCHES[name].find(handbook, query, model)} & {"merger.md", "salaries.md"}


def test_both_ranks_count_by_their_weight(handbook, model):
    query = asked("parental leave", top=50)
    words, vectors = Lexical().find(handbook, query, model), Dense().find(handbook, query, model)
    for weight in (0.0, 0.3, 1.0):
        expected = {}
        for share, ranked in ((weight, words), (1 - weight, vectors)):
            for rank, hit in enumerate(ranked):
                expected[hit.chunk] = expected.get(hit.chunk, 0) + share * 61 / (61 + rank)
        found = Hybrid(lexical=weight).find(handbook, query, model)
        assert {hit.chunk: hit.score for hit in found} == pytest.approx({k: v for k, v in expected.items() if v})
    assert [hit.chunk for hit in Hybrid(lexical=1.0).find(handbook, query, model)] == [hit.chunk for hit in words]
    assert [hit.chunk for hit in Hybrid(lexical=0.0).find(handbook, query, model)] == [hit.chunk for hit in vectors]


def test_the_first_of_both_has_score_one(handbook, model):
    [hit] = Hybrid().find(handbook, asked("parental leave lasts up to 36 months", top=1), model)
    assert hit.score == 1
    assert hit.lexical > 0
    assert hit.dense > 0.8


def test_each_hit_of_both_has_its_cosine_and_its_words(handbook, model):
    query = asked("parental leave", top=50)
    words = {hit.chunk: hit.lexical for hit in Lexical().find(handbook, query, model)}
    cosines = {hit.chunk: hit.dense for hit in Dense().find(handbook, query, model)}
    for hit in Hybrid(depth=1).find(handbook, query, model):
        assert hit.lexical == words.get(hit.chunk, 0)
        assert hit.dense == pytest.approx(cosines[hit.chunk], abs=1e-3)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_outside_0_to_1_is_refused(weight):
    with pytest.raises(ProjectError, match="lexical: 0 to 1"):
        Hybrid(lexical=weight)


@pytest.mark.parametrize("search", [Dense(), Hybrid()])
def test_vectors_of_another_model_are_refused(search, handbook, words_only, model):
    assert search.needs_vectors
    with pytest.raises(ProjectError, match="it has no vectors"):
        search.find(words_only, asked("leave"), model)
    with pytest.raises(ProjectError, match="another embedding model"):
        search.find(handbook, asked("leave"), None)


def test_words_need_no_model(words_only):
    assert not Lexical().needs_vectors
    assert Lexical().find(words_only, asked("parental"), None)[0].document == "leave.md"


@pytest.fixture(scope="module")
def repeating(tmp_path_factory):
    """Two pages say the same of parental leave; one says something else of it."""
    pages = [
        page("a", "Parental leave lasts up to 36 months."),
        page("b", "Parental leave lasts up to 36 months!"),
        page("c", "Parental leave is announced seven weeks before to the head of the department."),
        page("d", "The canteen serves goose."),
    ]
    place = tmp_path_factory.mktemp("index") / "repeating"
    build_index(pages, chunker=Paragraphs(), embedding=LocalEmbedding(E5), cache=None, place=place)
    return open_index(place)


@pytest.mark.parametrize(("apart", "found"), [(0.0, ["a", "b"]), (0.7, ["a", "c"])])
def test_what_says_the_same_is_left_out_for_what_says_something_else(repeating, model, apart, found):
    query = asked("How long does parental leave last?", top=2)
    assert [hit.document for hit in Diverse(Lexical(), apart=apart).find(repeating, query, model)] == found


def test_as_many_are_chosen_as_there_are_and_none_twice(repeating, model):
    hits = Diverse(Dense(), apart=0.5).find(repeating, asked("parental leave", top=10), model)
    assert sorted(hit.document for hit in hits) == ["a", "b", "c", "d"]
    assert Diverse(Lexical()).find(repeating, asked("xylophone"), model) == []


def test_diversity_needs_vectors(words_only, model):
    with pytest.raises(ProjectError, match="no vectors to tell"):
        Diverse(Lexical()).find(words_only, asked("leave"), model)


@pytest.mark.parametrize("wrong", [{"apart": 1.0}, {"apart": -0.1}, {"among": 0}])
def test_a_number_of_diversity_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ProjectError, match="Diverse"):
        Diverse(Lexical(), **wrong)


def test_other_wordings_count_beside_the_question_by_their_weight(words_only):
    wordings = ("time at home with a baby", "hotel", "parental leave")
    query = asked("goose leave", top=50)
    expected = {}
    for share, text in ((0.5, "goose leave"), *((0.5 / 3, wording) for wording in wordings)):
        for rank, hit in enumerate(Lexical().find(words_only, asked(text, top=50), None)):
            expected[hit.chunk] = expected.get(hit.chunk, 0) + share * 61 / (61 + rank)
    found = REWRITTEN.find(words_only, msgspec.structs.replace(query, wordings=wordings), None)
    assert {hit.chunk: hit.score for hit in found} == pytest.approx(expected)
    assert REWRITTEN.find(words_only, query, None) == Lexical().find(words_only, query, None)


def test_a_wording_finds_what_the_question_does_not_and_nothing_that_may_not_be_read(words_only):
    query = msgspec.structs.replace(asked("lodging"), wordings=("hotel",))
    assert Lexical().find(words_only, query, None) == []
    assert {hit.document for hit in REWRITTEN.find(words_only, query, None)} == {"travel.md"}
    acme = msgspec.structs.replace(query, access=Access(tenant="acme"))
    assert {hit.document for hit in REWRITTEN.find(words_only, acme, None)} == {"travel.md", "plans.md"}
    german = msgspec.structs.replace(query, filters={"language": "de"})
    assert REWRITTEN.find(words_only, german, None) == []


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"queries": 6}, {"own": 1.0}, {"seconds": 0.0}, {"depth": 0}])
def test_a_number_of_rewriting_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ProjectError, match="Rewritten"):
        Rewritten(Lexical(), model=LlamaCpp("smollm2-135m"), **wrong)
