"""Answers: the CPU time that `Answerer.answer` adds beside search and call of the model, alternately in one process.

A model answers at once with 200 words that stand in five passages of 180 words; the bare pass searches and calls it,
and does nothing else. Guards, prompt, window, checks of each sentence and signals are what the other pass adds. Without
marks of citations each sentence is looked for in all passages, which takes longest. A stream is guarded again with each
sentence, from its beginning. How the guards let the passages through is remembered after the first question.

    python benchmarks/answers.py [--questions 100] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from kreis.generative.answering import Answerer
from kreis.generative.chunking.by_words import ByWords
from kreis.generative.documents.document import Document
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.language_models.model import Completion, Message, Wish
from kreis.generative.output.reading import Reading
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import Question
from kreis.generative.retrieval.kinds import Lexical

QUESTION = "Which rules hold for the leave of employees in the first year, and who decides about it?"


class AtOnce:
    """A model that says one text at once."""

    window = 8192

    def __init__(self, text: str) -> None:
        self._text = text

    def count(self, text: str) -> int:
        return len(text) // 4

    async def complete(self, wish: Wish) -> Completion:
        return Completion(text=self._text, model="at once", tokens_in=1, tokens_out=1)

    async def stream(self, wish: Wish) -> AsyncIterator[str | Completion]:
        for start in range(0, len(self._text), 20):
            yield self._text[start : start + 20]
        yield await self.complete(wish)

    async def close(self) -> None:
        pass


def documents(count: int) -> list[Document]:
    """Pages of 180 words in sentences of twelve, each of which fits the question."""
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghilmnoprstuv", k=chance.randint(4, 10))) for _ in range(800)]
    pages = []
    for number in range(count):
        sentences = [" ".join(chance.choices(vocabulary, k=10)).capitalize() + " leave employees." for _ in range(15)]
        known_at = datetime(2026, 1, 1, tzinfo=UTC)
        pages.append(Document(id=f"{number}.md", text=" ".join(sentences), known_at=known_at))
    return pages


def said(pages: list[Document], *, marked: bool) -> str:
    """200 words: seventeen sentences of the passages."""
    sentences = [f"{each}." for page in pages[:5] for each in page.text.split(". ")[:4]][:17]
    return " ".join(f"{each} [1]" if marked else each for each in sentences).replace("..", ".")


async def measure(answerer: Answerer, model: AtOnce, questions: int, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU for a question, by pass: the median of the rounds."""
    pipeline = answerer.pipeline

    query = Query(text=QUESTION, access=Access(), top=pipeline.passages)
    hits = pipeline.search.find(answerer.index, query, None)
    text = (await model.complete(Wish(messages=()))).text

    async def bare() -> None:
        await asyncio.to_thread(pipeline.search.find, answerer.index, query, None)
        await model.complete(Wish(messages=[Message("user", QUESTION)]))

    async def whole() -> None:
        answered = await answerer.answer(Question(text=QUESTION))
        assert answered.outcome == "answered"
        assert len(answered.citations) == 17, answered

    async def stream() -> None:
        async for _ in answerer.stream(Question(text=QUESTION)):
            pass

    async def checks() -> None:
        Reading(hits, answerer.guards).more(text, whole=True)

    passes = {"bare": bare, "whole": whole, "stream": stream, "checks": checks}
    spent: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(rounds + 1):
        for name, each in passes.items():
            started = time.process_time()
            for _ in range(questions):
                await each()
            spent[name].append(1000 * (time.process_time() - started) / questions)
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        place, pages = Path(folder) / "index", documents(5)
        built = build_index(pages, chunker=ByWords(words=180, overlap=0), embedding=None, cache=None, place=place)
        pipeline = Pipeline(knowledge_base="b", index=built.file, index_version=built.version, search=Lexical())
        for marked in (True, False):
            model = AtOnce(said(pages, marked=marked))
            answerer = Answerer(pipeline, lambda file: place, model=model)
            spent = asyncio.run(measure(answerer, model, options.questions, options.rounds))
            name = "with marks" if marked else "without marks"
            added = {each: spent[each] - spent["bare"] for each in ("whole", "stream")}
            results[name] = added | {each: spent[each] for each in ("bare", "checks")}
            print(
                f"{name}: {added['whole']:.2f} ms of CPU added to an answer, {spent['checks']:.2f} ms of them to check "
                f"and guard it; {added['stream']:.2f} ms in a stream; search and call alone {spent['bare']:.2f} ms"
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
