"""A small world in which what a search should learn is known: titles tell what a page is about, texts mislead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.generative.handbook import Paragraphs, page

from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Index
from kreis.generative.index.sqlite import open_index
from kreis.generative.retrieval.kinds import Hybrid, Lexical
from kreis.generative.retrieval.measures import Found, Judged, Relevant
from kreis.generative.retrieval.reranking import FEATURES, Reranker
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.ways.generative.retrieval import _crossed, _folds, train_reranker, tune_hybrid

TOPICS = 80
SMALL = GradientBoosting(trees=30, leaves=4, rows_per_leaf=20)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Each topic has a page that names it in its title and once in its text, and one that goes on and on about it."""
    pages = []
    for topic in range(TOPICS):
        word = f"topic{topic}x"
        pages.append(page(f"right{topic}.md", f"All that is to know of {word} stands on this page.", title=word))
        pages.append(page(f"wrong{topic}.md", f"{word} {word} {word}", title="Notes"))
    place = tmp_path_factory.mktemp("world") / "index"
    build_index(pages, chunker=Paragraphs(), embedding=None, cache=None, place=place)
    return open_index(place)


def questions(count: int = TOPICS, kind: str = "right") -> list[Judged]:
    return [
        Judged(text=f"Tell me about topic{topic}x", relevant=(Relevant(document=f"{kind}{topic}.md"),))
        for topic in range(count)
    ]


def test_a_reranker_learns_what_the_search_does_not_see(index: Index):
    judged = questions()
    learned = train_reranker(index, Lexical(), None, judged, candidate=SMALL)
    assert learned.form is not None, learned.said
    assert learned.test is not None
    assert learned.test.better
    assert "shown to help" in learned.said
    reranker = Reranker(learned.form.scorer(FEATURES))
    hits = [Lexical().find(index, each.query(50), None) for each in judged]
    ordered = [reranker.order(each.text, found, top=10) for each, found in zip(judged, hits, strict=True)]
    own, new = (Found.of_hits(each, judged).ndcg(10).mean() for each in (hits, ordered))
    assert own < 0.7 < new
    assert train_reranker(index, Lexical(), None, judged, candidate=SMALL).form == learned.form


def test_where_nothing_is_to_be_learned_the_order_stays(index: Index):
    """Which of the two is right is drawn by chance: what a model learns of some helps others by chance alone."""
    rng = np.random.default_rng(4)
    drawn = rng.permutation(["right", "wrong"] * (TOPICS // 2))
    judged = [questions(TOPICS, kind)[topic] for topic, kind in enumerate(drawn)]
    learned = train_reranker(index, Lexical(), None, judged, candidate=SMALL)
    assert learned.form is None
    assert "no better one is shown" in learned.said


def test_too_few_questions_teach_nothing(index: Index):
    learned = train_reranker(index, Lexical(), None, [*questions(49), Judged(text="nothing is relevant")])
    assert (learned.form, learned.test) == (None, None)
    assert "49 judged questions are too few" in learned.said
    elsewhere = [Judged(text=each.text, relevant=(Relevant(document="other.md"),)) for each in questions()]
    assert "relevant to only 0 questions" in train_reranker(index, Lexical(), None, elsewhere).said


def test_questions_about_one_document_are_in_one_fold():
    judged = questions(20) + questions(20)
    folds = _folds(judged)
    assert (folds[:20] == folds[20:]).all()
    assert sorted(np.bincount(folds).tolist()) == [8] * 5


class OneHot:
    """Vectors that find the right page of the first few topics, whatever words say, and the wrong one of the others."""

    digest, dimension = "0" * 64, TOPICS + 1

    def __init__(self, right: int = TOPICS) -> None:
        self._right = right

    def queries(self, texts) -> Vectors:
        return self._vectors(texts, noise=0.0)

    def passages(self, texts) -> Vectors:
        return self._vectors(texts, noise=0.6)

    def _vectors(self, texts, noise: float) -> Vectors:
        found = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            topic = int(text.casefold().split("topic")[1].split("x")[0])
            off = (text.count("topic") == 3) == (topic < self._right)
            found[row, topic], found[row, -1] = 1.0, noise if off else 0.0
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def with_vectors(folder: Path, embedder: OneHot, monkeypatch: pytest.MonkeyPatch) -> Index:
    from kreis.generative.embeddings import local

    monkeypatch.setitem(local._MODELS, "one hot", lambda: embedder)
    pages = []
    for topic in range(TOPICS):
        word = f"topic{topic}x"
        pages.append(page(f"right{topic}.md", f"All that is to know of {word} stands on this page."))
        pages.append(page(f"wrong{topic}.md", f"{word} {word} {word}"))
    kind = local.LocalEmbedding("one hot")
    local._opened.cache_clear()
    build_index(pages, chunker=Paragraphs(), embedding=kind, cache=None, place=folder / "index")
    return open_index(folder / "index")


def test_the_weight_moves_to_what_is_shown_to_be_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    embedder = OneHot()
    index = with_vectors(tmp_path, embedder, monkeypatch)
    tuned = tune_hybrid(index, embedder, questions(), declared=Hybrid(lexical=0.9))
    assert tuned.search.lexical < 0.5, tuned.said
    assert "shown to be better than 0.9" in tuned.said
    assert "dense search alone" in tuned.said
    assert tuned.ndcg["dense"] == 1.0 > tuned.ndcg["lexical"]
    assert tuned.search.depth == Hybrid().depth


def test_the_declared_weight_stays_where_no_other_is_shown_to_be_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    embedder = OneHot()
    index = with_vectors(tmp_path, embedder, monkeypatch)
    tuned = tune_hybrid(index, embedder, questions(), declared=Hybrid(lexical=0.3))
    assert tuned.search == Hybrid(lexical=0.3)
    assert "0.3 as declared" in tuned.said
    assert tuned.test is not None
    few = tune_hybrid(index, embedder, questions(10), declared=Hybrid(lexical=0.9))
    assert few.search == Hybrid(lexical=0.9)
    assert "10 judged questions are too few" in few.said


def test_a_search_that_finds_nothing_teaches_nothing(index: Index):
    nothing = [Judged(text="xyzzy", relevant=each.relevant) for each in questions()]
    assert train_reranker(index, Lexical(), None, nothing).form is None


def test_a_weight_that_is_better_by_chance_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Vectors are right of three topics in eighty, and words of none: the best weight is another one, and not shown."""
    embedder = OneHot(right=3)
    index = with_vectors(tmp_path, embedder, monkeypatch)
    tuned = tune_hybrid(index, embedder, questions(), declared=Hybrid(lexical=0.9))
    assert tuned.ndcg["0.1"] > tuned.ndcg["0.9"]
    assert tuned.search.lexical == 0.9, tuned.said


def test_the_value_of_a_weight_is_that_of_folds_that_did_not_choose_it():
    """The first weight is best over all, by one fold's questions alone: these must not choose it for themselves."""
    folds = np.arange(10) % 5
    of_weights = np.array([np.where(folds == 0, 1.0, 0.0), np.where(folds == 0, 0.0, 0.1)])
    assert of_weights.mean(axis=1).argmax() == 0
    crossed = _crossed(of_weights, folds)
    assert (crossed[folds == 0] == 0.0).all()
    assert (crossed[folds != 0] == 0.0).all(), "the others are told by it, to their cost"


class Recorded:
    """Notes which questions it learns from."""

    def __init__(self) -> None:
        self.questions: list[set[int]] = []

    def fit(self, matrix, outcomes, features, *, groups, **settings):
        self.questions.append(set(groups.tolist()))
        return SMALL.fit(matrix, outcomes, features, groups=groups, **settings)


def test_a_reranker_is_judged_by_questions_that_it_did_not_learn_from(index: Index):
    judged, recorded = questions(), Recorded()
    learned = train_reranker(index, Lexical(), None, judged, candidate=recorded)  # type: ignore[arg-type]
    folds = _folds(judged)
    assert list(learned.folds) == folds.tolist()
    assert recorded.questions[:5] == [set(np.flatnonzero(folds != fold).tolist()) for fold in range(5)]
    assert recorded.questions[5] == set(range(TOPICS)), "the one that serves learns from all"
