from __future__ import annotations

import numpy as np
import pytest
from tests.generative.handbook import E5, PAGES, Paragraphs, page

from kreis.errors import RefusalError
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Hit, Query
from kreis.generative.index.sqlite import open_index
from kreis.generative.retrieval.kinds import Hybrid
from kreis.generative.retrieval.reranking import FEATURES, Reranker, features_of
from kreis.training.graph import constant_score


def hit(text: str, **fields) -> Hit:
    fields = {"chunk": 0, "document": "d", "version": "1", "start": 0, "end": 1, "shown_start": 0} | fields
    return Hit(text=text, shown=text, **fields)


def column(name: str, question: str, hits: list[Hit]) -> list[float]:
    return features_of(question, hits)[:, FEATURES.index(name)].tolist()


def test_scores_and_places_come_from_the_search():
    hits = [
        hit("a", score=0.9, lexical=4.0, dense=0.7),
        hit("b", score=0.6, lexical=8.0, dense=0.8),
        hit("c", score=0.3, lexical=0.0, dense=0.9),
    ]
    assert column("score_to_best", "?", hits) == pytest.approx([1, 2 / 3, 1 / 3])
    assert column("lexical_to_best", "?", hits) == pytest.approx([0.5, 1, 0])
    assert column("lexical_place", "?", hits) == pytest.approx([1 / 2, 1, 1 / 3])
    assert column("dense_to_best", "?", hits) == pytest.approx([-0.2, -0.1, 0])
    assert column("dense_place", "?", hits) == pytest.approx([1 / 3, 1 / 2, 1])


def test_words_are_compared_by_their_terms():
    question = "How long is parental leave?"
    hits = [
        hit("Parental leave lasts 36 months. It is paid."),
        hit("Paid. Leaves are green, parents know."),
        hit("No."),
    ]
    assert column("terms_found", question, hits) == pytest.approx([3 / 5, 1 / 5, 0])
    assert column("pairs_found", question, hits) == pytest.approx([1 / 4, 0, 0])
    best, first = column("best_sentence", question, hits), column("first_sentence", question, hits)
    assert first[0] < column("rare_terms_found", question, hits)[0], "'is' stands in the second sentence"
    assert best[1] > first[1] == 0
    assert column("question_terms", question, hits) == [5, 5, 5]


def test_a_rare_word_weighs_more_than_one_that_all_hits_hold():
    hits = [hit("leave for adoption"), hit("leave for parents"), hit("leave for all"), hit("leave")]
    found = column("rare_terms_found", "leave adoption", hits)
    assert found[0] == pytest.approx(1.0)
    assert found[1] < 0.5
    assert column("rarest_term_found", "leave adoption", hits) == [1, 0, 0, 0]


def test_terms_that_stand_close_weigh_more():
    near, far = "parental leave", f"parental {'x ' * 30} leave"
    closeness = column("closeness", "parental leave", [hit(near), hit(far)])
    assert closeness[0] == pytest.approx(1.0)
    assert closeness[1] == pytest.approx(0.5)


def test_titles_and_headings_count():
    hits = [hit("x", title="Parental leave", heading="Leave > Parents"), hit("x")]
    assert column("title", "parental leave", hits) == pytest.approx([1, 0])
    assert column("heading", "leave", hits) == pytest.approx([1, 0])


def test_hits_without_anything_in_common_have_features():
    found = features_of("???", [hit("")])
    assert found.shape == (1, len(FEATURES))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.isfinite(features_of("a question", [hit("")])).all()


class ByTitle:
    """Orders by the words of the title alone."""

    def score(self, matrix, texts=None):
        return matrix[:, FEATURES.index("title")]


def test_it_orders_hits_and_keeps_the_order_of_those_alike():
    hits = [hit("a", title="x"), hit("b", title="Leave"), hit("c", title="y"), hit("d", title="Leave")]
    ordered = Reranker(ByTitle()).order("leave", hits, top=3)
    assert [each.text for each in ordered] == ["b", "d", "a"]
    assert [each.score for each in ordered] == [1.0, 1.0, 0.0]
    assert Reranker(ByTitle()).order("leave", [], top=3) == []


def test_it_is_read_from_its_file(tmp_path):
    (tmp_path / "model").write_bytes(constant_score([0.5], len(FEATURES)))
    ordered = Reranker.open(tmp_path / "model").order("leave", [hit("a"), hit("b")], top=5)
    assert [(each.text, each.score) for each in ordered] == [("a", 0.5), ("b", 0.5)]
    (tmp_path / "older").write_bytes(constant_score([0.25], len(FEATURES) - 2))
    assert Reranker.open(tmp_path / "older").order("leave", [hit("a")], top=5)[0].score == 0.25
    (tmp_path / "newer").write_bytes(constant_score([0.5], len(FEATURES) + 1))
    with pytest.raises(RefusalError, match="takes 20 features, 19 are known"):
        Reranker.open(tmp_path / "newer")


def test_features_are_those_of_a_real_search(tmp_path):
    pages = [*PAGES, page("pets.md", "Dogs may come to the office on Fridays.", title="Pets")]
    kind = LocalEmbedding(E5)
    build_index(pages, chunker=Paragraphs(), embedding=kind, cache=None, place=tmp_path / "index")
    index, question = open_index(tmp_path / "index"), "May dogs come to the office?"
    hits = Hybrid().find(index, Query(text=question, access=Access(), top=10), kind.open())
    found = features_of(question, hits)
    assert found[0, FEATURES.index("rare_terms_found")] == 1.0
    assert (found[0, [FEATURES.index(n) for n in ("lexical_to_best", "dense_place", "score_to_best")]] == 1.0).all()
    assert np.array_equal(found, features_of(question, hits))
