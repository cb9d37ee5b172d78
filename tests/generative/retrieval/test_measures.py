from __future__ import annotations

import math

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.generative.index.index import Hit
from kreis.generative.retrieval.measures import Found, Judged, Relevant


def hit(document: str, start: int = 0, end: int = 10) -> Hit:
    return Hit(chunk=0, document=document, version="1", start=start, end=end, text="", shown="", shown_start=start)


NAMES = [["d3", "d1", "d7", "d2", "d9"], ["d5", "d4"], ["d1", "d2"], ["d8"], []]
JUDGED = [{"d1": 2.0, "d2": 1.0, "d4": 1.0}, {"d4": 1.0}, {"d6": 1.0}, {}, {"d1": 1.0}]


def test_recall_is_the_share_found():
    found = Found.of_names(NAMES, JUDGED)
    np.testing.assert_allclose(found.recall(5), [2 / 3, 1, 0, math.nan, 0])
    np.testing.assert_allclose(found.recall(3), [1 / 3, 1, 0, math.nan, 0])
    np.testing.assert_allclose(found.recall(1), [0, 0, 0, math.nan, 0])


def test_reciprocal_rank_is_that_of_the_first_relevant():
    found = Found.of_names(NAMES, JUDGED)
    np.testing.assert_allclose(found.reciprocal_rank(), [1 / 2, 1 / 2, 0, math.nan, 0])
    np.testing.assert_allclose(found.reciprocal_rank(1), [0, 0, 0, math.nan, 0])


def test_ndcg_takes_the_grade_as_gain():
    """By hand, places 2 (grade 2) and 4 (grade 1) of the first question; best is grades 2, 1, 1 at places 1, 2, 3."""
    gained = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    found = Found.of_names(NAMES, JUDGED)
    np.testing.assert_allclose(found.ndcg(5), [gained / ideal, 1 / math.log2(3), 0, math.nan, 0])
    np.testing.assert_allclose(found.ndcg(3)[0], (2 / math.log2(3)) / ideal)
    two = 2 + 1 / math.log2(3)  # the best order has two places, too
    np.testing.assert_allclose(found.ndcg(2)[0], (2 / math.log2(3)) / two)


def test_a_perfect_order_has_ndcg_one_and_a_worse_one_less():
    grades = {"a": 3.0, "b": 2.0, "c": 1.0}
    orders = [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"]]
    best, swapped, reverse = Found.of_names(orders, [grades] * 3).ndcg(10)
    assert best == 1.0
    assert best > swapped > reverse


def test_a_name_counts_where_it_comes_first():
    repeated = Found.of_names([["x", "x", "x", "a"]], [{"a": 1.0}])
    assert repeated.reciprocal_rank()[0] == 0.5
    assert Found.of_names([["a"]], [{"a": 1.0, "b": 0.0}]).recall(1)[0] == 1.0, "grade 0 is not relevant"


def test_hits_of_documents_count_documents():
    question = Judged(text="?", relevant=(Relevant(document="b"),))
    hits = [hit("a", 0, 10), hit("a", 10, 20), hit("b", 0, 10)]
    assert question.places(hits) == [2.0]
    assert question.grades(hits) == [0.0, 0.0, 1.0]


def test_hits_of_passages_count_hits_and_must_overlap():
    question = Judged(text="?", relevant=(Relevant(document="a", start=15, end=18, grade=2.0), Relevant(document="c")))
    hits = [hit("a", 0, 10), hit("a", 10, 20), hit("b", 15, 18), hit("a", 18, 30), hit("a", 5, 15)]
    assert question.places(hits) == [2.0, math.inf]
    assert question.grades(hits) == [0.0, 2.0, 0.0, 0.0, 0.0]
    found = Found.of_hits([hits], [question])
    assert found.recall(5)[0] == 0.5
    assert found.reciprocal_rank()[0] == 0.5


def test_two_passages_in_one_chunk_are_both_found_there():
    parts = Relevant(document="a", start=0, end=2), Relevant(document="a", start=5, end=7)
    found = Found.of_hits([[hit("a", 0, 10)]], [Judged(text="?", relevant=parts)])
    assert found.recall(1)[0] == 1.0
    assert found.ndcg(10)[0] == 1.0


def test_questions_without_anything_relevant_have_no_measure():
    found = Found.of_hits([[hit("a")]], [Judged(text="?")])
    for measured in (found.recall(1), found.reciprocal_rank(), found.ndcg(1)):
        assert math.isnan(measured[0])
    assert len(Found.of_names([], [])) == 0
    assert Found.of_names([], []).ndcg(10).shape == (0,)


def test_rankings_must_be_of_the_questions():
    with pytest.raises(ProjectError, match="1 rankings for 2 questions"):
        Found.of_names([["a"]], [{}, {}])


def test_a_question_is_asked_with_its_access():
    question = Judged(text="how long?", filters={"language": "de"})
    asked = question.query(7)
    assert (asked.text, asked.top, asked.filters) == ("how long?", 7, {"language": "de"})
