"""Find neighbours by a graph: most of them, and only candidates."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kreis.errors import MissingLibraryError
from kreis.generative.index import graph as graphs
from kreis.generative.index.exact import Exact, best
from kreis.generative.index.graph import Graph, graph_of

COUNT, WIDTH = 3_000, 32


def vectors_like(count, seed):
    """Around a few directions, as those of texts are."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((20, WIDTH))
    made = centres[generator.integers(0, 20, count)] + generator.standard_normal((count, WIDTH))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("<f2")


@pytest.fixture(scope="module")
def halves():
    return vectors_like(COUNT, 1)


@pytest.fixture(scope="module")
def made(halves):
    return graph_of(lambda: np.split(halves, 3), WIDTH)


@pytest.fixture
def graph(made, halves, monkeypatch):
    monkeypatch.setattr(graphs, "_ONE_BY_ONE", 50)
    return Graph(made[0], np.split(halves, 5), COUNT, WIDTH)


@pytest.fixture(scope="module")
def exact(halves):
    return Exact(halves.astype(np.float32))


def found(nearest, vector, top, allowed=None):
    numbers, cosines = nearest.nearest(vector, top, allowed)
    assert list(cosines) == sorted(cosines, reverse=True)
    assert len(set(numbers.tolist())) == len(numbers)
    return set(numbers.tolist())


def test_its_recall_is_what_a_search_finds(graph, exact, made):
    asked = vectors_like(100, 2).astype(np.float32)
    shares = [len(found(graph, each, 10) & found(exact, each, 10)) / 10 for each in asked]
    assert made[1] > 0.98
    assert np.mean(shares) == pytest.approx(made[1], abs=0.02)


def test_a_graph_that_is_searched_too_little_says_so(halves, monkeypatch):
    monkeypatch.setattr(graphs, "_SEARCHED_WITH", 1)
    monkeypatch.setattr(graphs, "_MOST", 2)
    assert graph_of(lambda: [halves], WIDTH)[1] < 0.9


@pytest.mark.parametrize("share", [0.5, 0.1, 0.03, 0.01])
def test_candidates_alone_are_found_and_most_of_the_best(graph, exact, share):
    generator = np.random.default_rng(3)
    agreed = []
    for vector in vectors_like(50, 4).astype(np.float32):
        allowed = generator.random(COUNT) < share
        numbers = found(graph, vector, 10, allowed)
        assert allowed[list(numbers)].all()
        agreed.append(len(numbers & found(exact, vector, 10, allowed)) / 10)
    assert np.mean(agreed) > 0.95


def test_no_candidates_are_no_hits(graph, exact):
    nobody = np.zeros(COUNT, dtype=bool)
    vector = vectors_like(1, 5)[0].astype(np.float32)
    assert found(graph, vector, 10, nobody) == found(exact, vector, 10, nobody) == set()


def test_vectors_come_back_as_they_were(graph, halves):
    assert np.array_equal(graph.of([5, 0, 2999]), halves[[5, 0, 2999]].astype(np.float32))


@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:-9], lambda data: b"x" * len(data)])
def test_a_damaged_graph_is_said(made, halves, change):
    with pytest.raises(ValueError, match="graph"):
        Graph(change(made[0]), [halves], COUNT, WIDTH)


def test_a_graph_of_other_vectors_is_said(made, halves):
    with pytest.raises(ValueError, match="2999 vectors"):
        Graph(made[0], [halves[1:]], COUNT, WIDTH)


def test_without_faiss_it_says_what_to_install(made, halves, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises((MissingLibraryError, ModuleNotFoundError), match="faiss"):
        Graph(made[0], [halves], COUNT, WIDTH)


def test_it_is_made_the_same_each_time(made, halves):
    assert graph_of(lambda: np.split(halves, 3), WIDTH)[0] == made[0]


def test_of_equal_scores_the_first_are_best():
    scores = np.tile(np.array([1.0, 2.0], dtype=np.float32), 500)
    assert best(scores, 600).tolist() == [*range(1, 1000, 2), *range(0, 200, 2)]
    assert best(scores, 3).tolist() == [1, 3, 5]
    assert best(scores, 0).tolist() == []
