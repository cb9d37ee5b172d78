"""What a candidate that answers learns from questions before it is fitted: its search, its re-ranker, its cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from kreis.artifacts.store import ArtifactStore
from kreis.errors import ProjectError
from kreis.generative.cache.policy import QuestionPair, fit_threshold
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.index.sqlite import open_index
from kreis.generative.pipeline import Pipeline
from kreis.generative.retrieval.kinds import Hybrid
from kreis.generative.retrieval.measures import Judged
from kreis.generative.stored import StoredFile
from kreis.knowledge.caching import SemanticCache
from kreis.models.form import Form, Onnx
from kreis.ways.generative.asking import Asked
from kreis.ways.generative.retrieval import train_reranker, tune_hybrid

__all__ = ["Learned", "learn_search", "with_cache"]


class Learned(NamedTuple):
    """A pipeline that has learned."""

    pipeline: Pipeline
    said: dict[str, str]
    """What was learned, or why not."""
    crossed: tuple[Pipeline, ...] = ()
    """By fold of questions: the pipeline that learned from the others only."""
    folds: tuple[int, ...] = ()
    """The fold of each question; -1 of those that taught nothing."""

    def asked(self, ask: Callable[[Pipeline, Sequence[int]], Asked], count: int) -> Asked:
        """What comes of the first `count` questions, each asked of the pipeline that did not learn from it: a rule that
        is fitted to these answers holds for new questions.

        Args:
            ask: Asks questions, by their places.
            count: How many.
        """
        if not self.crossed:
            return ask(self.pipeline, range(count))
        folds = self.folds[:count]
        rows = [[place for place, fold in enumerate(folds) if fold == each] for each in range(-1, len(self.crossed))]
        asked = [
            (ask(pipeline, places), places)
            for pipeline, places in zip((self.pipeline, *self.crossed), rows, strict=True)
            if places
        ]
        order = np.argsort(np.concatenate([places for _, places in asked]))
        answered = [each for found, _ in asked for each in found.answered]
        return Asked(
            np.concatenate([each.scores for each, _ in asked])[order],
            np.concatenate([each.outcomes for each, _ in asked])[order],
            np.concatenate([each.signals for each, _ in asked])[order],
            tuple(answered[place] for place in order),
            sum(each.seconds for each, _ in asked),
        )


def learn_search(
    pipeline: Pipeline,
    judged: Sequence[Judged],
    *,
    reranks: bool,
    files: Callable[[StoredFile], Path],
    artifacts: ArtifactStore,
    seed: int = 0,
    threads: int = 1,
) -> Learned:
    """Tune the weight of a hybrid search and train a re-ranker, where either is shown to help.

    Args:
        pipeline: As declared.
        judged: The validation questions.
        reranks: Whether there may be a re-ranker.
        files: Where the files lie that it names.
        artifacts: Where the re-ranker goes.
        seed: Of its training.
        threads: For it.
    """

    def reordered(form: Form) -> Pipeline:
        if not isinstance(form, Onnx) or form.content is None:
            raise ProjectError("a re-ranker is an ONNX model", where="re-ranker", hint="train another candidate")
        return msgspec.structs.replace(pipeline, reranker=StoredFile(artifacts.put(form.content), form.size))

    said: dict[str, str] = {}
    if not reranks and not isinstance(pipeline.search, Hybrid):
        return Learned(pipeline, said)
    with closing(open_index(files(pipeline.index))) as index:
        embedder = _embedder(pipeline) if pipeline.search.needs_vectors else None
        if isinstance(pipeline.search, Hybrid) and embedder is not None:
            tuned = tune_hybrid(index, embedder, judged, declared=pipeline.search)
            pipeline, said["words"] = msgspec.structs.replace(pipeline, search=tuned.search), tuned.said
        if not reranks:
            return Learned(pipeline, said)
        trained = train_reranker(index, pipeline.search, embedder, judged, seed=seed, threads=threads)
    said["order"] = trained.said
    if trained.form is None:
        return Learned(pipeline, said)
    return Learned(reordered(trained.form), said, tuple(map(reordered, trained.crossed)), trained.folds)


def with_cache(learned: Learned, declared: SemanticCache, pairs: Sequence[QuestionPair]) -> Learned:
    """With a cache, where labelled pairs show that wrong hits are rare enough.

    Args:
        learned: The pipeline so far.
        declared: What is to be shown.
        pairs: Labelled by people.
    """
    fitted = fit_threshold(pairs, _embedder(learned.pipeline), at_most=declared.at_most)
    policy = fitted.policy and msgspec.structs.replace(fitted.policy, seconds=declared.seconds)
    pipeline, *crossed = (msgspec.structs.replace(each, cache=policy) for each in (learned.pipeline, *learned.crossed))
    said = {**learned.said, "cache": fitted.said}
    return learned._replace(pipeline=pipeline, crossed=tuple(crossed), said=said)


def _embedder(pipeline: Pipeline) -> Embedder:
    if pipeline.embedding is None:
        raise ProjectError(
            "its knowledge base has no vectors", where=pipeline.knowledge_base, hint="declare embedding="
        )
    return pipeline.embedding.open()
