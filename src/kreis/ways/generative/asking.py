"""Asks a candidate the project's questions, and measures what it answers: the same when it is fitted and judged."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.artifacts.store import ArtifactStore
from kreis.digests import digest_of_file
from kreis.durable import make_directory, write_durably
from kreis.errors import ProjectError
from kreis.generative.answering import Answerer
from kreis.generative.output.marks import without_marks
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS, Answered
from kreis.generative.redteam.attack import suites
from kreis.generative.redteam.attacking import attack
from kreis.generative.redteam.private import private_suites
from kreis.generative.retrieval.measures import Found, Judged
from kreis.generative.stored import StoredFile
from kreis.generative.words import words
from kreis.knowledge.questions import AskedQuestion
from kreis.models.form import Form
from kreis.tasks.answering.measures import with_measures

__all__ = ["TRANSCRIPT", "Asked", "Files", "ask", "attacked", "pipeline_of", "transcript"]

T = TypeVar("T")
TRANSCRIPT = "answers of "
"""What the name of an artefact begins with that holds what a candidate answered (`transcript`)."""
_CONFIDENCE, _TOKENS, _MONEY, _SUPPORT = (SIGNALS.index(name) for name in ("confidence", "tokens", "money", "support"))


class Files:
    """Files that packages name, in a folder: fetched once from the artifacts."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self._folder, self._artifacts = folder, artifacts

    def __call__(self, file: StoredFile) -> Path:
        """Where it lies; its bytes are those of its name."""
        path = self._folder / file.sha256
        if not path.is_file() or digest_of_file(path) != file.sha256:
            make_directory(self._folder)
            write_durably(path, self._artifacts.get(file.sha256))
        return path


@dataclass(frozen=True, eq=False)
class Asked:
    """What came of n questions."""

    scores: Floats
    """Confidence, tokens and measures, as `Answering` takes them."""
    outcomes: Floats
    """Whether each answer is right, 1 or 0; of a question that is not answered, 0."""
    signals: Floats
    """Shape (n, signals), NaN where one does not apply."""
    answered: tuple[Answered, ...]
    seconds: float

    @property
    def money(self) -> float:
        """That all answers cost together."""
        return float(np.nansum(self.signals[:, _MONEY]))


def pipeline_of(form: Form | Pipeline) -> Pipeline:
    """What a package of this way holds.

    Raises:
        ProjectError: it is of another way.
    """
    if not isinstance(form, Pipeline):
        hint = "a project has one kind of question: declare another project for this one"
        raise ProjectError("the model in service scores rows and answers no questions", where="release", hint=hint)
    return form


def ask(
    pipeline: Pipeline,
    files: Callable[[StoredFile], Path],
    questions: Sequence[tuple[AskedQuestion, Judged]],
    *,
    at: int,
    progress: Callable[[str, int, int], None] = lambda said, done, total: None,
) -> Asked:
    """Ask, one question after the other.

    Args:
        pipeline: What answers.
        files: Where the files lie that it names.
        questions: What is asked, with the places of what is right.
        at: The moment, microseconds since 1970 UTC.
        progress: Is told how many questions are answered.
    """
    begun = time.perf_counter()
    answered, latencies = _run(_asking(pipeline, files, [each for each, _ in questions], at, progress))
    seconds = time.perf_counter() - begun
    signals = np.array([each.signals for each in answered], dtype=np.float64).reshape(-1, len(SIGNALS))
    given = np.array([each.outcome == "answered" for each in answered], dtype=bool)
    confidence = np.where(given, np.nan_to_num(signals[:, _CONFIDENCE]), 0.0)
    raw = np.column_stack([confidence, np.nan_to_num(signals[:, _TOKENS])])
    outcomes = np.array([_is_right(*pair) for pair in zip(questions, answered, strict=True)], dtype=np.float64)
    found = Found.of_hits([each.passages for each in answered], [judged for _, judged in questions])
    columns = {
        "recall": found.recall(pipeline.passages),
        "mrr": found.reciprocal_rank(pipeline.passages),
        "ndcg": found.ndcg(pipeline.passages),
        "citation_precision": np.array([_precision(each) for each in answered]),
        "citation_recall": np.array([_recall(each) for each in answered]),
        "faithfulness": np.where(given, signals[:, _SUPPORT], math.nan),
        "money": np.nan_to_num(signals[:, _MONEY]),
        "latency": np.array(latencies),
    }
    return Asked(with_measures(raw, columns), outcomes, signals, tuple(answered), seconds)


def transcript(asked: Asked, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Question by question what was answered, on what it rests, and whether that counts as right; masked.

    Args:
        asked: What came of the questions.
        ids: Of the questions, in the same order.
    """
    for name, each, right, sure in zip(ids, asked.answered, asked.outcomes, asked.scores[:, 0], strict=True):
        yield {
            "id": name,
            "question": each.question,
            "answer": each.text,
            "outcome": each.outcome,
            "right": bool(right),
            "confidence": float(sure),
            "citations": [msgspec.to_builtins(cited) for cited in each.citations],
            "passages": [{"document": hit.document, "start": hit.start, "end": hit.end} for hit in each.passages],
            "why": each.why,
        }


def attacked(
    pipeline: Pipeline,
    files: Callable[[StoredFile], Path],
    *,
    progress: Callable[[str, int, int], None] = lambda said, done, total: None,
) -> Floats:
    """Attack by all of kreis's suites, and for what not everybody may read; whether each succeeded, 1 or 0, shape (m,).

    Args:
        pipeline: What is attacked.
        files: Where the files lie that it names.
        progress: Is told how many attacks are done.
    """

    async def attacking() -> list[bool]:
        answerer = await asyncio.to_thread(Answerer, pipeline, files)
        try:
            tried = [*suites(), *private_suites(answerer.index)]
            done = await attack(answerer, tried, progress=lambda done, total: progress("attacks", done - 1, total))
        finally:
            await answerer.close()
        return done.succeeded

    return np.array(_run(attacking()), dtype=np.float64)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it on an event loop of its own, whether or not one is running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _asking(
    pipeline: Pipeline,
    files: Callable[[StoredFile], Path],
    questions: Sequence[AskedQuestion],
    at: int,
    progress: Callable[[str, int, int], None],
) -> tuple[list[Answered], list[float]]:
    answered, latencies = [], []
    answerer = await asyncio.to_thread(Answerer, pipeline, files)
    try:
        for number, question in enumerate(questions):
            progress("questions", number, len(questions))
            begun = time.perf_counter()
            answered.append(await answerer.answer(question.asked(at)))
            latencies.append((time.perf_counter() - begun) * 1000)
    finally:
        await answerer.close()
    return answered, latencies


def _is_right(question: tuple[AskedQuestion, Judged], answered: Answered) -> bool:
    asked, judged = question
    if answered.outcome != "answered":
        return False
    return asked.is_right(without_marks(answered.text), answered.citations, judged)


def _precision(answered: Answered) -> float:
    """The share of an answer's citations that support it."""
    if answered.outcome != "answered" or not answered.citations:
        return math.nan
    return sum(each.supported for each in answered.citations) / len(answered.citations)


def _recall(answered: Answered) -> float:
    """The share of an answer's words that stand in a claim with a citation that supports it."""
    said = len(words(without_marks(answered.text)))
    if answered.outcome != "answered" or not said:
        return math.nan
    claims = {each.claim for each in answered.citations if each.supported}
    return min(sum(len(words(each)) for each in sorted(claims)) / said, 1.0)
