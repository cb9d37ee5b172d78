"""Answers questions as a pipeline says: the same object in evaluation, service, demo and red team."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from kreis.errors import CorruptionError, KreisError
from kreis.generative.asking import Asked, Asking
from kreis.generative.cache.memory import MemoryCache, Scope
from kreis.generative.embeddings.embedding import Embedder
from kreis.generative.extractive import (
    Extract,
    Weights,
    extract,
    plain_sentence,
    retrieval_confidence,
    whole_passages,
)
from kreis.generative.guards.guards import Guards, guards_of
from kreis.generative.index.index import Hit, Index, OpenIndex, Query
from kreis.generative.index.sqlite import open_index
from kreis.generative.language_models.model import Message, OpenModel, Spent
from kreis.generative.output.claims import citation_of
from kreis.generative.output.schema import OpenSchema
from kreis.generative.pipeline import PASSES_ON, Pipeline
from kreis.generative.prompts.examples import NearestExamples
from kreis.generative.prompts.prompt import Prompt
from kreis.generative.prompts.rendering import OpenPrompt
from kreis.generative.prompts.sections import INSTRUCTIONS
from kreis.generative.questions import Answered, Citation, Outcome, Question
from kreis.generative.retrieval.reranking import DEPTH, Reranker
from kreis.generative.retrieval.rewriting import Reworded, reworded
from kreis.generative.retrieval.rewritten import Rewritten
from kreis.generative.stored import StoredFile
from kreis.generative.tools.spec import ToolCaller
from kreis.generative.words import german_or_english, words

__all__ = ["Answerer"]

_PASSAGES = 4096
"""Of which it is remembered how guards let them through: some 5 MB."""
_NO_PASSAGE = "no passage was found that the person may read"
_NO_WORD = "no passage holds a word of the question"


class Answerer:
    """A pipeline, opened. For one event loop; it blocks while it is made (files are read, models loaded), so make it in
    a thread. `close` ends what it opened.

    Args:
        pipeline: What a package holds.
        files: Where a file that the pipeline names lies.
        index: The index, opened already; None: it is opened from the pipeline's file or store.
        embedder: The embedding model, loaded already; None: it is loaded where the search needs vectors.
        model: The language model, opened already; None: it is opened where the pipeline names one.
        tools: Runs the pipeline's tools; None: the model is offered none.

    Raises:
        ProjectError: the prompt, a schema or the policy of the guards is wrong, or a variable of the environment is
            missing.
        MissingLibraryError: a library that the pipeline needs is not installed.
        CorruptionError: the index is not the one that the pipeline names.
        RefusalError: the re-ranker is no model of a hit's features.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        files: Callable[[StoredFile], Path],
        *,
        index: Index | None = None,
        embedder: Embedder | None = None,
        model: OpenModel | None = None,
        tools: ToolCaller | None = None,
    ) -> None:
        self.pipeline = pipeline
        said = pipeline.prompt or Prompt(name="answer", text=INSTRUCTIONS)
        self.guards: Guards = guards_of(pipeline.guards, system=OpenPrompt(said).system(tools=pipeline.tools).text)
        """Of the pipeline's policy: whoever stores what was asked or answered masks it with `stored`."""
        self.passage = lru_cache(maxsize=_PASSAGES)(self.guards.passage)
        """A passage as a model may read it: the same passages are found again and again."""
        self.prompt = OpenPrompt(said, planted=self.guards.planted)
        self.prompt_digest = said.digest
        self.schema = OpenSchema(said.schema, where=f"prompt {said.name!r}") if said.schema is not None else None
        self.examples = NearestExamples(said.examples)
        self._opened_index: OpenIndex | None = None
        if index is None:
            store = pipeline.store
            self._opened_index = (
                open_index(files(pipeline.index)) if store is None else store.open(pipeline.index_version)
            )
            index = self._opened_index
        self.index = index
        if self.index.version != pipeline.index_version:
            raise CorruptionError(
                f"it is of version {self.index.version[:12]}, and the package names {pipeline.index_version[:12]}",
                where=f"index {pipeline.index.sha256[:12]}",
            )
        needs_vectors = pipeline.search.needs_vectors or pipeline.cache is not None
        if embedder is None and needs_vectors and pipeline.embedding is not None:
            embedder = pipeline.embedding.open()
        self._embedder = embedder
        self._reranker = None if pipeline.reranker is None else Reranker.open(files(pipeline.reranker))
        self.cache: MemoryCache | None = None
        """Answers that may be given again, in the memory of this process."""
        if pipeline.cache is not None and embedder is not None:
            self.cache = MemoryCache(pipeline.cache, embedder)
        self.scope = Scope.of(pipeline)
        self._opened_model = pipeline.model.open() if pipeline.model is not None and model is None else None
        self.model = model or self._opened_model
        search = pipeline.search
        self._rewords = (
            None if not isinstance(search, Rewritten) or search.model == pipeline.model else search.model.open()
        )
        self.tools = tools

    async def answer(self, question: Question) -> Answered:
        """The answer as a whole. What goes wrong is its outcome, with the reason in `why`."""
        async for item in self._answering(question, stream=False):
            if isinstance(item, Answered):
                return item
        raise AssertionError

    async def stream(self, question: Question, *, at_least: float = 0.0) -> AsyncIterator[str | Answered]:
        """The answer sentence by sentence, each checked before it leaves; the last item is the whole.

        The pieces together are the `text` of the last item, or, where it comes to no answer, its beginning: nothing
        that was given is taken back. Where the model breaks off, the answer ends after the sentences that were given;
        where none was, the fallback answers.

        Args:
            question: What is asked, and who asks.
            at_least: Pieces are held back while the confidence so far is less: whoever gives answers from a confidence
                on gives nothing of one that is not sure enough, unless its end makes it so.
        """
        async for item in self._answering(question, stream=True, at_least=at_least):
            yield item

    def passes_on(self, text: str) -> str:
        """What is said where a question is passed on, in its language."""
        said = self.pipeline.passes_on
        return PASSES_ON.get(german_or_english(text), said) if said == PASSES_ON["en"] else said

    async def close(self) -> None:
        """End processes and connections."""
        for model in (self._opened_model, self._rewords):
            if model is not None:
                await model.close()
        if self._opened_index is not None:
            self._opened_index.close()

    def find(self, question: Question, text: str, wordings: Sequence[str] = ()) -> list[Hit]:
        """The passages that the person may read, best first.

        Args:
            question: Who asks.
            text: What is looked for.
            wordings: Other wordings of it, for a search that looks for these as well.

        Raises:
            ServiceError: an endpoint of embeddings does not answer.
            StoreError: the index can't be read.
        """
        query = Query(
            text=text,
            access=question.access,
            top=self.pipeline.passages,
            filters=question.filters,
            at=question.at,
            wordings=wordings,
        )
        if self._reranker is None:
            return self.pipeline.search.find(self.index, query, self._embedder)
        deep = msgspec.structs.replace(query, top=max(DEPTH, query.top))
        found = self.pipeline.search.find(self.index, deep, self._embedder)
        return self._reranker.order(text, found, top=query.top)

    async def _answering(
        self, question: Question, *, stream: bool, at_least: float = 0.0
    ) -> AsyncIterator[str | Answered]:
        turn = await asyncio.to_thread(_Turn, self, question)
        if turn.searches and isinstance(self.pipeline.search, Rewritten):
            turn.reworded = await self._reworded(self.pipeline.search, turn)
            await asyncio.to_thread(turn.search)
        if turn.cached is not None:
            answered, given = turn.cached, 0
        elif turn.model is None:
            answered, given = await asyncio.to_thread(turn.without_model), 0
        else:
            asking = Asking(
                turn.asked(),
                prompt=self.prompt,
                model=turn.model,
                guards=self.guards,
                schema=self.schema,
                tools=self.tools,
            )
            given, held = 0, ""
            async for piece in asking.pieces(stream=stream):
                held += piece
                if asking.confidence(turn.retrieval) >= at_least:
                    given += len(held)
                    yield held
                    held = ""
            answered = turn.with_model(asking)  # well under a millisecond: a thread costs as much
        flawed = answered.why or answered.not_reworded  # is tried again
        if self.cache is not None and not answered.cached and not flawed:
            await asyncio.to_thread(self.cache.keep, question, answered, self.scope)
        if answered.outcome == "answered" and given < len(answered.text) and answered.signals[0] >= at_least:
            yield answered.text[given:]
        yield answered

    async def _reworded(self, search: Rewritten, turn: _Turn) -> Reworded:
        model, question = self._rewords or self.model, turn.question
        assert model is not None
        return await reworded(
            search,
            model,
            turn.text,
            history=turn.history,
            within_s=question.within_s or self.pipeline.deadline_s,
            kind=question.kind,
            tenant=question.access.tenant,
        )


class _Turn:
    """A question while it is answered."""

    def __init__(self, answerer: Answerer, question: Question) -> None:
        self._answerer, self.question = answerer, question
        guards = answerer.guards
        self.text, self._verdicts = guards.question(question.text)
        """The question as a model may read it."""
        self._stored = guards.stored(question.text)
        self.history = self._guarded_history()
        self._hits: list[Hit] = []
        self._failed = ""
        self._refused = next((f"{each.guard}: {each.said}" for each in self._verdicts if each.did == "refused"), "")
        self.cached = None if self._refused else self._given_before()
        """The answer to the same question, as it was given before."""
        self.searches = not self._refused and self.cached is None
        self.reworded = Reworded()
        """What a model made of the question, where one is asked before the search."""
        if not isinstance(answerer.pipeline.search, Rewritten) or not self.searches:
            self.search()

    def search(self) -> None:
        """Find passages, and decide who is asked."""
        answerer = self._answerer
        if self.searches:
            try:
                self._hits = answerer.find(self.question, self.text, self.reworded.wordings)
            except KreisError as error:
                self._failed = f"the search failed: {error.message}"
        self._weights = Weights(self.text, self._hits)
        self.retrieval = retrieval_confidence(self._hits, self._weights)
        worth_it = not (self._refused or self._failed) and (self.retrieval > 0 or answerer.tools is not None)
        self.model = answerer.model if worth_it else None
        """Who is asked; None: nobody, since no passage fits."""

    def asked(self) -> Asked:
        """What the model is asked."""
        prompt, question = self._answerer.prompt.prompt, self.question
        shown = []
        for hit in self._hits:
            text, verdicts = self._answerer.passage(hit.shown)
            self._verdicts += verdicts
            shown.append(msgspec.structs.replace(hit, shown=text))
        return Asked(
            text=self.text,
            question=question,
            passages=self._hits,
            shown=shown,
            history=self.history,
            examples=self._answerer.examples.near(self.text, prompt.shots, question.access),
            tools=self._answerer.pipeline.tools,
            deadline_s=(question.within_s or self._answerer.pipeline.deadline_s) - self.reworded.seconds,
        )

    def without_model(self, why: str = "", asking: Asking | None = None) -> Answered:
        """The best passage's best sentences, with their place; or why there is no answer.

        Args:
            why: Why no model answers, where one should.
            asking: What was asked of one.
        """
        if self._refused or self._failed:
            return self._answered("refused" if self._refused else "failed", why=self._refused or self._failed)
        found = self._extracts() if self.retrieval > 0 else []
        if not found:
            missing = _NO_WORD if self._hits else _NO_PASSAGE
            outcome: Outcome = "failed" if asking is not None and asking.came == "failed" else "abstained"
            return self._answered(outcome, why=why or missing, asking=asking, by_fallback=True)
        parts, citations = [], []
        for each in found:
            hit, number = self._hits[each.passage], each.passage + 1
            said, verdicts = self._answerer.guards.answer(plain_sentence(each.quote), self._hits)
            self._verdicts += verdicts
            refused = next((f"{each.guard}: {each.said}" for each in verdicts if each.did == "refused"), "")
            if refused:
                return self._answered("refused", why=refused, asking=asking, by_fallback=True)
            start = each.start - hit.shown_start
            citations.append(citation_of(number, hit, start, start + len(each.quote), said))
            parts.append(f"{said} [{number}]")
        return self._answered(
            "answered",
            text="\n\n".join(parts),
            citations=tuple(citations),
            confidence=self.retrieval,
            support=1.0,
            why=f"by the fallback: {why}" if why else "",
            asking=asking,
            by_fallback=True,
        )

    def _extracts(self) -> list[Extract]:
        """What is given of the passages where no model answers."""
        if self._answerer.pipeline.whole:
            return whole_passages(self._hits, self._answerer.pipeline.whole)
        found = extract(self.text, self._hits, self._weights)
        return [] if found is None else [found]

    def with_model(self, asking: Asking) -> Answered:
        """What came of asking a model."""
        self._verdicts += asking.verdicts + asking.reading.verdicts
        extractive = self._answerer.pipeline.without_support == "extractive"
        if asking.came == "failed" or (asking.unsupported and extractive):
            return self.without_model(asking.why, asking)
        if asking.came != "answered":
            return self._answered(asking.came, said=asking.reading.text, why=asking.why, asking=asking)
        return self._answered(
            "answered",
            text=asking.reading.text,
            citations=asking.reading.citations,
            confidence=asking.confidence(self.retrieval),
            support=asking.reading.support,
            why=asking.why,
            asking=asking,
        )

    def _given_before(self) -> Answered | None:
        cache, question = self._answerer.cache, self.question
        found = cache.find(question, self._stored, self._answerer.scope) if cache is not None else None
        if found is None:
            return None
        others = (each for each in found.verdicts if each.where != "question")
        return msgspec.structs.replace(found, verdicts=(*self._verdicts, *others))

    def _guarded_history(self) -> list[Message]:
        turns = []
        for turn in self.question.history:
            text, verdicts = self._answerer.guards.history(turn.text)
            self._verdicts += verdicts
            turns.append(Message(turn.role, text))
        return turns

    def _answered(
        self,
        outcome: Outcome,
        *,
        text: str = "",
        said: str = "",
        citations: tuple[Citation, ...] = (),
        confidence: float = 0.0,
        support: float = math.nan,
        why: str = "",
        asking: Asking | None = None,
        by_fallback: bool = False,
    ) -> Answered:
        """All that is known; `said` was given before it came to nothing."""
        spent = self.reworded.spent + (asking.spent if asking is not None else Spent())
        seconds = self.reworded.seconds + (asking.seconds if asking is not None else 0.0)
        guards = self._answerer.guards
        passages = self._hits if asking is None or by_fallback else asking.passages
        results = asking.tool_results if asking is not None else []
        signals = (
            confidence,
            float(spent.tokens),
            max((hit.dense or hit.score for hit in self._hits), default=math.nan),
            support,
            float(len(words(self.text))),
            float(len(passages)),
            spent.money,
            1000 * seconds,
        )
        return Answered(
            text=text or " ".join(each for each in (said, self._answerer.passes_on(self.text)) if each),
            outcome=outcome,
            question=self._stored,
            citations=citations,
            passages=tuple(passages),
            verdicts=tuple(self._verdicts),
            signals=signals,
            model=asking.model if asking is not None else "",
            prompt=self._answerer.prompt_digest if asking is not None else "",
            index=self._answerer.index.version,
            dropped=asking.dropped if asking is not None else 0,
            value=asking.value if asking is not None else None,
            tools=tuple(each.tool for each in results if each.status == "done"),
            waiting=tuple(each.request for each in results if each.status == "pending"),
            why=why,
            fallback=_fallback(outcome, asking, passages=by_fallback),
            wordings=tuple(map(guards.stored, self.reworded.wordings)),
            not_reworded=guards.stored(self.reworded.why) if self.reworded.why else "",
        )


def _fallback(outcome: Outcome, asking: Asking | None, *, passages: bool) -> Literal["", "passages", "model"]:
    """Which fallback answered, if one did."""
    if outcome != "answered" or asking is None:
        return ""
    return "passages" if passages else "model" if asking.fell_back else ""
