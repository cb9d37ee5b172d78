"""Answers questions as a pipeline says: the same object in evaluation, service, demo and red team."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from kreis.errors import CorruptionError
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.extractive import Weights, extract, plain_sentence, retrieval_confidence
from kreis.generative.index.index import Hit, Index, Query
from kreis.generative.index.sqlite import open_index
from kreis.generative.pipeline import PASSES_ON, Pipeline
from kreis.generative.questions import Answered, Citation, Question
from kreis.generative.stored import StoredFile
from kreis.generative.words import language_of, words

__all__ = ["Answerer"]

_NO_PASSAGE = "no passage was found that the person may read"
_NO_WORD = "no passage holds a word of the question"


class Answerer:
    """A pipeline, opened. For one event loop; it blocks while it is made (files are read, models loaded), so make it in
    a thread. `close` ends what it opened.

    Args:
        pipeline: What a package holds.
        files: Where a file that the pipeline names lies.
        index: The index, opened already; None: it is opened from the pipeline's file.
        embedder: The embedding model, loaded already; None: it is loaded where the search needs vectors.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        files: Callable[[StoredFile], Path],
        *,
        index: Index | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self.pipeline = pipeline
        if index is None:
            index = open_index(files(pipeline.index))
        if index.version != pipeline.index_version:
            raise CorruptionError(
                f"it is of version {index.version[:12]}, and the package names {pipeline.index_version[:12]}",
                where=f"index {pipeline.index.sha256[:12]}",
            )
        if embedder is None and pipeline.search.needs_vectors and pipeline.embedding is not None:
            embedder = pipeline.embedding.open()
        self._index = index
        self._embedder = embedder

    async def answer(self, question: Question) -> Answered:
        """The answer as a whole. It is never an exception: what goes wrong is its outcome.

        Args:
            question: What is asked, and who asks.
        """
        answered: Answered | None = None
        async for item in self.stream(question):
            if isinstance(item, Answered):
                answered = item
        assert answered is not None
        return answered

    async def stream(self, question: Question) -> AsyncIterator[str | Answered]:
        """The answer sentence by sentence, each checked before it leaves; the last item is the whole.

        The pieces together are the `text` of the last item.

        Args:
            question: What is asked, and who asks.
        """
        hits = await asyncio.to_thread(self._find, question)
        answered = await asyncio.to_thread(self._extract, question, hits)
        yield answered.text
        yield answered

    async def close(self) -> None:
        """End processes and connections."""

    def _find(self, question: Question) -> list[Hit]:
        query = Query(
            text=question.text,
            access=question.access,
            top=self.pipeline.passages,
            filters=question.filters,
            at=question.at,
        )
        return self.pipeline.search.find(self._index, query, self._embedder)

    def _extract(self, question: Question, hits: Sequence[Hit]) -> Answered:
        """The best passage's best sentences, with their place."""
        weights = Weights(question.text, hits)
        confidence = retrieval_confidence(hits, weights)
        found = extract(question.text, hits, weights) if confidence > 0 else None
        if found is None:
            return self._abstains(question, hits, _NO_PASSAGE if not hits else _NO_WORD)
        claim, hit = plain_sentence(found.quote), hits[found.passage]
        citation = Citation(
            document=hit.document,
            version=hit.version,
            start=found.start,
            end=found.end,
            quote=found.quote,
            title=hit.title,
            source=hit.source,
            page=hit.page,
            claim=claim,
        )
        return Answered(
            text=f"{claim} [{found.passage + 1}]",
            outcome="answered",
            question=question.text,
            citations=(citation,),
            passages=tuple(hits),
            signals=self._signals(question, hits, confidence=confidence, support=1.0),
            index=self._index.version,
        )

    def _abstains(self, question: Question, hits: Sequence[Hit], why: str) -> Answered:
        return Answered(
            text=self.passes_on(question.text),
            outcome="abstained",
            question=question.text,
            passages=tuple(hits),
            signals=self._signals(question, hits, confidence=0.0, support=math.nan),
            index=self._index.version,
            why=why,
        )

    def passes_on(self, text: str) -> str:
        """What is said where a question is passed on, in its language."""
        said = self.pipeline.passes_on
        return PASSES_ON.get(language_of(text), said) if said == PASSES_ON["en"] else said

    def _signals(
        self, question: Question, hits: Sequence[Hit], *, confidence: float, support: float
    ) -> tuple[float, ...]:
        best = max((hit.dense or hit.score for hit in hits), default=math.nan)
        asked = float(len(words(question.text)))
        return (confidence, 0.0, best, support, asked, float(len(hits)), 0.0, 0.0)
