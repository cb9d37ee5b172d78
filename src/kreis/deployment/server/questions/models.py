"""A release that answers questions as the service holds it: its files fetched and verified, its answerers open."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kreis.deployment.packages import Package
from kreis.deployment.routing import Router
from kreis.deployment.server.questions.files import FileCache
from kreis.deployment.server.questions.messages import Asker
from kreis.digests import digest_of
from kreis.errors import ProjectError, RefusalError, ServiceError
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS, Answered, Question
from kreis.generative.tools.spec import ToolCaller, ToolSpec
from kreis.ledger.records import Release
from kreis.tasks.decisions import AnswerFrom

if TYPE_CHECKING:
    from kreis.generative.answering import Answerer

__all__ = ["LoadedAnswerer", "QuestionRelease"]

_LOG = logging.getLogger("kreis.service")
_WARM_UP = "How is this done?"


class LoadedAnswerer:
    """A package that answers questions, ready. Made in a thread; used in one event loop."""

    def __init__(
        self,
        package: Package,
        version: int,
        files: FileCache,
        tools: Callable[[Sequence[ToolSpec]], ToolCaller] | None = None,
    ) -> None:
        """Fetch its files and open it.

        Args:
            package: opened, so verified.
            version: the model's number in the project.
            files: where the files are that it names.
            tools: gives what calls the tools that it names; None where there are none.

        Raises:
            KreisError: a file or a library is missing, or an index is not the one that the package names.
            RefusalError: its decision rule is not about answers.
        """
        from kreis.generative.answering import Answerer

        manifest, pipeline = package.manifest, package.form
        if not isinstance(pipeline, Pipeline):
            raise ProjectError("it answers no questions", where=f"model {package.digest[:12]}")
        if not isinstance(manifest.decision, AnswerFrom):
            raise RefusalError("its decision is not about answers", where=f"model {package.digest[:12]}")
        self.digest = package.digest
        self.version = version
        self.manifest = manifest
        self.pipeline = pipeline
        self.decide: Callable[[Any], bool | float] = manifest.decision.one
        self.places = [SIGNALS.index(name) for name in manifest.features]
        """Of the signals that are logged, in the manifest's order."""
        self.answers_from = manifest.decision.at
        self.tools = tools(pipeline.tools) if tools is not None and pipeline.tools else None
        self.answerer = Answerer(pipeline, files.path, tools=self.tools)
        self.stored_quote = lru_cache(maxsize=4_096)(self.answerer.guards.stored)
        """A passage's words as the log may have them; the same ones are cited again and again."""
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._warm_up()

    def _warm_up(self) -> None:
        """Search once; no language model is asked, which may have to be paid."""
        try:
            self.answerer.find(Question(text=_WARM_UP), _WARM_UP)
        except ServiceError as error:  # it may answer by the time that somebody asks
            _LOG.warning("model %s: %s", self.digest[:12], error)

    @property
    def files(self) -> set[str]:
        """Digests of the files that it names."""
        return set(self.pipeline.files)

    @contextmanager
    def used(self) -> Iterator[Answerer]:
        """It is not closed meanwhile."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield self.answerer
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def close(self) -> None:
        """End it once nobody uses it."""
        await self._idle.wait()
        await self.answerer.close()

    def failed(self, question: Question, why: str) -> Answered:
        """What stands for an answer where there is none."""
        return Answered(
            text=self.answerer.passes_on(question.text),
            outcome="failed",
            question=self.answerer.guards.stored(question.text),
            signals=(0.0, 0.0, *[math.nan] * (len(SIGNALS) - 2)),
            why=why,
        )


class QuestionRelease:
    """A release whose models answer questions. Never changed: the service swaps one for the next."""

    def __init__(self, release: Release, models: Mapping[str, LoadedAnswerer]) -> None:
        """Put together.

        Raises:
            RefusalError: it has shadows, which would pay for each question twice.
        """
        self.release = release
        self.id = release.id
        self.number = release.number
        self.router = Router(release)
        self.models = dict(models)
        if self.router.shadows:
            raise RefusalError(
                "a shadow would pay for each question a second time",
                where=f"release {release.number}",
                hint="let it answer a small share of the questions: a canary",
            )
        self.fallback = self.models[release.fallback] if release.fallback else None
        self.live = [self.models[digest] for digest in self.router.models]
        self.outcomes = self.live[0].manifest.outcomes
        """What an outcome may be."""

    def choose(self, reference: str | None, asker: Asker, question: str) -> LoadedAnswerer:
        """The model that answers: one for a reference (a conversation), else for a person's question.

        Not one for a person: an application may ask for all of its people with one token, and a canary that compares
        what came of the answers needs many that are drawn by chance.
        """
        told = asker.sha256 + digest_of(question.encode("utf-8", "surrogatepass"))
        return self.models[self.router.choose("q" + told if reference is None else "r" + reference)]
