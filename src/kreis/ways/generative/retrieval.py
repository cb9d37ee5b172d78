"""What a search learns from judged questions: the weight of words against vectors, and a re-ranker.

Either is used only where it is shown to help on questions that it did not learn from: questions are cut into folds,
those about one document in one fold, and each is searched with what the other folds teach. The difference on all of
them is tested in pairs (`kreis.evaluation.permutation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.digests import digest_of
from kreis.evaluation.permutation import PairedTest, paired_permutation
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.index.index import Hit, Index
from kreis.generative.retrieval.kinds import Dense, Hybrid, Lexical, SearchKind
from kreis.generative.retrieval.measures import Found, Judged
from kreis.generative.retrieval.reranking import DEPTH, FEATURES, features_of
from kreis.models.form import Form
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.task import Loss
from kreis.texts import counted
from kreis.training.candidate import Candidate, Fitted
from kreis.training.candidates.gradient_boosting import GradientBoosting

__all__ = ["FittedReranker", "TunedHybrid", "train_reranker", "tune_hybrid"]

AT: Final = 10
"""NDCG of so many places is what is to grow."""
FOLDS: Final = 5
_WEIGHTS: Final = tuple(step / 10 for step in range(1, 10))


class TunedHybrid(msgspec.Struct, frozen=True, kw_only=True):
    """A search by words and vectors, with the weight that judged questions show to be better, or as it was."""

    search: Hybrid
    said: str
    test: PairedTest | None = None
    """Of the tuned weight against the declared one; None where there are too few questions."""
    ndcg: dict[str, float] = {}
    """NDCG of each search on all questions: "lexical", "dense", "0.1" …"""


class FittedReranker(msgspec.Struct, frozen=True, kw_only=True):
    """A re-ranker, where it is shown to help."""

    form: Form | None
    """None: the search's own order is kept."""
    said: str
    test: PairedTest | None = None
    """Of the new order against the search's own; None where there are too few questions."""
    crossed: tuple[Form, ...] = ()
    """Of each fold what the other folds taught: asked with it, its questions are as new ones."""
    folds: tuple[int, ...] = ()
    """The fold of each question; -1 of those that taught nothing."""


def tune_hybrid(
    index: Index, embedder: Embedder, questions: Sequence[Judged], *, declared: Hybrid | None = None
) -> TunedHybrid:
    """Find the weight of words against vectors; the declared one stays unless another one is shown to be better.

    Args:
        index: What is searched.
        embedder: The model of its vectors.
        questions: With what is relevant to them; those without are left out.
        declared: The search as declared; `Hybrid()` if not given.

    Raises:
        ProjectError: the index has no vectors, or those of another model.
        ServiceError: an endpoint of embeddings does not answer.
    """
    declared = declared or Hybrid()
    judged = [each for each in questions if each.relevant]
    if len(judged) < FEW:
        said = f"{declared.lexical:g} as declared: {len(judged)} judged questions are too few to tune it ({FEW})"
        return TunedHybrid(search=declared, said=said)
    known = _Known(embedder, judged)
    weights = sorted({*_WEIGHTS, declared.lexical})
    searches: dict[str, SearchKind] = {"lexical": Lexical(), "dense": Dense()}
    searches |= {f"{weight:g}": msgspec.structs.replace(declared, lexical=weight) for weight in weights}
    ndcg = {
        name: Found.of_hits([search.find(index, each.query(AT), known) for each in judged], judged).ndcg(AT)
        for name, search in searches.items()
    }
    of_weights = np.stack([ndcg[f"{weight:g}"] for weight in weights])
    tuned = _crossed(of_weights, _folds(judged))
    test = paired_permutation(tuned, ndcg[f"{declared.lexical:g}"])
    chosen = weights[_best(of_weights)] if test.better else declared.lexical
    means = {name: float(values.mean()) for name, values in ndcg.items()}
    kept = "shown to be better than" if test.better else "as declared; no better one is shown than"
    said = f"{chosen:g} {kept} {declared.lexical:g}: NDCG@{AT} {test}"
    as_good = [name for name in ("lexical", "dense") if not paired_permutation(ndcg[f"{chosen:g}"], ndcg[name]).better]
    if as_good:
        said += f"; it is not shown to be better than {' or '.join(as_good)} search alone"
    search = msgspec.structs.replace(declared, lexical=chosen)
    return TunedHybrid(search=search, said=said, test=test, ndcg=means)


def train_reranker(
    index: Index,
    search: SearchKind,
    embedder: Embedder | None,
    questions: Sequence[Judged],
    *,
    candidate: Candidate | None = None,
    seed: int = 0,
    threads: int = 1,
) -> FittedReranker:
    """Learn to order a search's hits, from judged questions; used only where it is shown to help.

    Args:
        index: What is searched.
        search: What finds the hits.
        embedder: The model of the index's vectors, where the search needs it.
        questions: With what is relevant to them; those without are left out.
        candidate: What learns, of the ranking task; LambdaMART (Burges 2010) by LightGBM if not given.
        seed: Of its training.
        threads: For it.

    Raises:
        ProjectError: the index has no vectors, or those of another model.
        ServiceError: an endpoint of embeddings does not answer.
    """
    judged = [each for each in questions if each.relevant]
    if len(judged) < FEW:
        said = f"the search's own order: {len(judged)} judged questions are too few to learn another one ({FEW})"
        return FittedReranker(form=None, said=said)
    known = None if embedder is None else _Known(embedder, judged)
    hits = [search.find(index, each.query(DEPTH), known) for each in judged]
    rows = _Rows(judged, hits)
    if rows.learnable < FEW:
        said = (
            "the search's own order: it finds what is relevant to only"
            f" {counted(rows.learnable, 'question')} ({FEW} are needed)"
        )
        return FittedReranker(form=None, said=said)
    candidate = candidate or _trees(len(rows.matrix))
    folds = _folds(judged)
    ordered: list[list[Hit]] = [[] for _ in judged]
    crossed = [rows.fit(folds != fold, candidate, seed, threads).form for fold in range(FOLDS)]
    for fold, form in enumerate(crossed):
        scorer = form.scorer(FEATURES, threads=threads)
        for place in np.flatnonzero(folds == fold):
            order = np.argsort(-scorer.score(rows.matrix[rows.of == place], None), kind="stable")
            ordered[place] = [hits[place][each] for each in order]
    new, own = (Found.of_hits(each, judged).ndcg(AT) for each in (ordered, hits))
    test = paired_permutation(new, own)
    if not test.better:
        said = f"the search's own order: no better one is shown, NDCG@{AT} {test}"
        return FittedReranker(form=None, said=said, test=test)
    fitted = rows.fit(np.ones(len(judged), dtype=bool), candidate, seed, threads)
    said = f"a re-ranker is shown to help: NDCG@{AT} {own.mean():.4f} to {new.mean():.4f}, {test}"
    of = iter(folds.tolist())
    return FittedReranker(
        form=fitted.form,
        said=said,
        test=test,
        crossed=tuple(crossed),
        folds=tuple(next(of) if each.relevant else -1 for each in questions),
    )


def _trees(rows: int) -> GradientBoosting:
    """Chosen by cross-validation on the training questions of SciFact; leaves as large as few rows allow."""
    leaf = min(100, max(rows // 40, 5))
    return GradientBoosting(
        trees=300, leaves=15, learning_rate=0.02, rows_per_leaf=leaf, column_share=0.5, row_share=0.7
    )


class _Known:
    """An embedding model that was asked for the vectors of all questions at once."""

    def __init__(self, embedder: Embedder, judged: Sequence[Judged]) -> None:
        self._embedder = embedder
        texts = list(dict.fromkeys(each.text for each in judged))
        self._vectors = dict(zip(texts, embedder.queries(texts), strict=True))
        self.digest, self.dimension = embedder.digest, embedder.dimension

    def queries(self, texts: Sequence[str]) -> Vectors:
        """From memory."""
        return np.stack([self._vectors[text] for text in texts])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """By the model."""
        return self._embedder.passages(texts)


class _Rows:
    """What a re-ranker learns from: one row for each hit of each question."""

    def __init__(self, judged: Sequence[Judged], hits: Sequence[Sequence[Hit]]) -> None:
        some = [(place, each, found) for place, (each, found) in enumerate(zip(judged, hits, strict=True)) if found]
        nothing = np.empty((0, len(FEATURES)), dtype=np.float32)
        self.matrix = np.concatenate([nothing, *(features_of(each.text, found) for _, each, found in some)])
        self.of: Codes = np.repeat(
            np.array([place for place, *_ in some], np.int64), [len(found) for *_, found in some]
        )
        self._grades = np.array([grade for _, each, found in some for grade in each.grades(found)])
        self.learnable = len(np.unique(self.of[self._grades > 0]))
        """Questions of which something relevant was found."""

    def fit(self, questions: Booleans, candidate: Candidate, seed: int, threads: int) -> Fitted:
        """Learn from some of the questions."""
        rows = questions[self.of]
        return candidate.fit(
            self.matrix[rows],
            self._grades[rows],
            FEATURES,
            loss=Loss("rank"),
            seed=seed,
            threads=threads,
            groups=self.of[rows],
        )


def _folds(judged: Sequence[Judged]) -> Codes:
    """The fold of each question, shape (n,): drawn by its document, so that questions about one are in one fold."""
    documents = [min(each.document for each in question.relevant) for question in judged]
    drawn = sorted(set(documents), key=lambda document: digest_of(document.encode()))
    fold_of = {document: place % FOLDS for place, document in enumerate(drawn)}
    return np.array([fold_of[document] for document in documents], dtype=np.int64)


def _crossed(of_weights: Floats, folds: Codes) -> Floats:
    """Of each question what the weight gives that the other folds choose, shape (questions,)."""
    tuned = np.empty(len(folds))
    for fold in range(FOLDS):
        tuned[folds == fold] = of_weights[_best(of_weights[:, folds != fold]), folds == fold]
    return tuned


def _best(ndcg: Floats) -> int:
    """The weight with the highest mean, of shape (weights, questions); the middle one of those alike."""
    means = ndcg.mean(axis=1)
    best = np.flatnonzero(means >= means.max() - 1e-12)
    return int(best[len(best) // 2])
