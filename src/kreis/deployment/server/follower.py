"""Follows the release pointer: verifies, loads and warms up the next release while the present one answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any

from kreis.artifacts.store import ArtifactStore
from kreis.clock import SystemClock
from kreis.deployment.packages import open_package
from kreis.deployment.pointer import (
    HIGHEST,
    Highest,
    Pointer,
    named_by,
    open_pointer,
    read_highest,
    read_pointer,
    remember_highest,
)
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.deployment.server.questions.files import FileCache, files_beside
from kreis.deployment.server.questions.models import LoadedAnswerer, QuestionRelease
from kreis.deployment.signing import TrustedKeys
from kreis.errors import CorruptionError, KreisError, RefusalError, SignatureError
from kreis.generative.pipeline import Pipeline
from kreis.generative.tools.spec import ToolCaller, ToolSpec

__all__ = ["Follower"]

_LOG = logging.getLogger("kreis.service")
_CLOSING_S = 2.0
_RETRY_S = 5.0
"""How long after a refusal to look at the same pointer again (an artifact may arrive late)."""


class Follower:
    """Holds the release that answers; a reference to it is all that a request takes."""

    def __init__(
        self,
        config: ServerConfig,
        trusted: TrustedKeys,
        artifacts: ArtifactStore,
        stored: Callable[..., Any] | None,
        metrics: Metrics,
        executor: Executor,
    ) -> None:
        self._config = config
        self._trusted = trusted
        self._artifacts = artifacts
        self._stored = stored
        self._metrics = metrics
        self._executor = executor
        self._pointer = open_pointer(config.service, Path())
        self._seen: Hashable = None
        self._files = FileCache(files_beside(config.log), artifacts)
        self._retiring: set[asyncio.Task[None]] = set()
        self._opened: list[LoadedAnswerer] = []
        """By the look that is under way."""
        self._warm: dict[str, LoadedModel | LoadedAnswerer] = {}
        """Models of the present release and of the one before."""
        self.current: LoadedRelease | QuestionRelease | None = None
        self._moved = 0
        """The newest move of a level by which it answers."""
        self.refused: str | None = None
        """Why the newest pointer is not what answers; None where it is."""

    async def look(self) -> bool:
        """Look at the pointer once; returns whether another release answers now."""
        seen = self._pointer.version()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._opened = []
            loaded = await asyncio.get_running_loop().run_in_executor(self._executor, self._load)
        except Exception as error:  # whatever is wrong with a new release, the old one goes on answering
            self._metrics.refused_releases += 1
            self.refused = str(error)
            _LOG.error("release refused: %s", error, exc_info=not isinstance(error, KreisError))
            self._retire(self._opened)
            return False
        self.refused = None
        if loaded is None:
            return False
        before = self.current
        self.current, self._moved = loaded
        cold, self._warm = self._warm, {**(before.models if before else {}), **self.current.models}
        self._retire([each for digest, each in cold.items() if digest not in self._warm])
        self._metrics.swaps += 1
        _LOG.info("release %d answers (%s)", self.current.number, self.current.id)
        return True

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        retry = loop.time() + _RETRY_S
        while True:
            await asyncio.sleep(self._config.follow_ms / 1000)
            if loop.time() >= retry:
                self._seen = None if self.refused is not None else self._seen
                self._retire_erased()
                retry = loop.time() + _RETRY_S
            await self.look()

    def _retire_erased(self) -> None:
        """Let go of what is only kept warm and names a file that is no longer among the artifacts: it was erased."""
        used = self.current.models if self.current else {}
        cold = [
            each
            for digest, each in self._warm.items()
            if digest not in used and isinstance(each, LoadedAnswerer) and not all(map(self._artifacts.has, each.files))
        ]
        if cold:
            self._warm = {digest: each for digest, each in self._warm.items() if each not in cold}
            self._retire(cold)

    def _load(self) -> tuple[LoadedRelease | QuestionRelease, int] | None:
        """What the pointer names, and up to which move of a level. Runs beside the event loop; None where there is
        nothing new.
        """
        pointer = read_pointer(self._pointer, self._trusted)
        if pointer is None:
            return None
        release, current = pointer.release, self.current
        if release.project != self._config.project:
            raise SignatureError(f"a release of project {release.project!r}", where="release pointer")
        same = current is not None and release == current.release
        if same and pointer.moved == self._moved:
            return None
        if same and pointer.moved < self._moved:
            raise _not_newer(f"move {pointer.moved} of a level", self._moved, "by which it answers")
        if current is not None and not same and release.number <= current.number:
            raise _not_newer(f"release {release.number}", current.number, "which answers")
        highest = self._highest()
        again = highest is not None and (release.number, release.id) == (highest.number, highest.release)
        if highest is not None and again and pointer.moved < highest.moved:
            raise _not_newer(f"move {pointer.moved} of a level", highest.moved, "by which it answered here before")
        if highest is not None and not again and release.number <= highest.number:
            raise _not_newer(f"release {release.number}", highest.number, "which answered here before")
        loaded = _release(pointer, {digest: self._model(digest, pointer) for digest in named_by(release)})
        try:
            remember_highest(self._config.log, release, pointer.moved)
        except OSError as error:  # it answers all the same: a full disk must not keep a release back
            _LOG.error("that release %d was taken is not written down: %s", release.number, error)
        return loaded, pointer.moved

    def _highest(self) -> Highest | None:
        try:
            highest = read_highest(self._config.log)
        except (CorruptionError, OSError) as error:
            _LOG.error("%s", error)
            return None
        return highest if highest is not None and highest.project == self._config.project else None

    def _model(self, digest: str, pointer: Pointer) -> LoadedModel | LoadedAnswerer:
        levels = pointer.levels.get(digest)
        warm = self._warm.get(digest)
        if isinstance(warm, LoadedModel):
            return warm.at_levels(levels)
        if warm is not None:
            return warm
        pointed = pointer.models.get(digest)
        if pointed is None:
            raise SignatureError(f"the pointer holds no package {digest[:12]}", where="release pointer")
        package = open_package(digest, pointed.envelope, self._artifacts, self._trusted)
        if package.manifest.project != self._config.project:
            raise SignatureError(f"a model of project {package.manifest.project!r}", where=f"package {digest[:12]}")
        if isinstance(package.form, Pipeline):
            tools = self._tools if self._config.tools else None
            answerer = LoadedAnswerer(package, pointed.version, self._files, tools)
            self._opened.append(answerer)
            return answerer
        return LoadedModel(package, pointed.version, self._stored).at_levels(levels)

    def _tools(self, specs: Sequence[ToolSpec]) -> ToolCaller:
        from kreis.generative.tools.client import SocketToolCaller
        from kreis.generative.tools.tokens import key_in
        from kreis.generative.tools.wire import address_of

        key = key_in(self._config.tools_key or self._config.log.parent / "tools.key")
        return SocketToolCaller(address_of(self._config.tools, Path()), key, specs, SystemClock())

    def _retire(self, cold: Sequence[LoadedModel | LoadedAnswerer]) -> None:
        """Close what is not warm any more, when nobody uses it; then remove the files that nothing warm names."""
        answerers = [each for each in cold if isinstance(each, LoadedAnswerer)]
        if answerers or isinstance(self.current, QuestionRelease):
            task = asyncio.get_running_loop().create_task(self._close(answerers))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _close(self, answerers: list[LoadedAnswerer]) -> None:
        try:
            await asyncio.gather(*(each.close() for each in answerers))
            named = {file for each in self._warm.values() if isinstance(each, LoadedAnswerer) for file in each.files}
            await asyncio.get_running_loop().run_in_executor(self._executor, self._files.keep_only, named)
        except Exception as error:
            _LOG.error("what is not used any more stays: %s", error)

    async def close(self) -> None:
        """End what the models hold open: processes, connections."""
        answerers = [each for each in self._warm.values() if isinstance(each, LoadedAnswerer)]
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await asyncio.gather(*(each.answerer.close() for each in answerers), return_exceptions=True)


def _release(pointer: Pointer, models: Mapping[str, LoadedModel | LoadedAnswerer]) -> LoadedRelease | QuestionRelease:
    """What the models are decides what the release does.

    Raises:
        RefusalError: some score rows and some answer questions, or there is a shadow that answers questions.
    """
    scoring = {digest: each for digest, each in models.items() if isinstance(each, LoadedModel)}
    answering = {digest: each for digest, each in models.items() if isinstance(each, LoadedAnswerer)}
    if scoring and answering:
        raise RefusalError(
            "some of its models answer questions and some score rows",
            where=f"release {pointer.release.number}",
            hint="release models of one kind",
        )
    if answering:
        return QuestionRelease(pointer.release, answering)
    return LoadedRelease(pointer.release, scoring, [pointer.accepts])


def _not_newer(what: str, number: int, which: str) -> SignatureError:
    return SignatureError(
        f"{what} is not newer than {number}, {which}",
        where="release pointer",
        hint="to go back, make a new release: `kreis rollback --reason …`. After a ledger was restored from an older"
        f" copy: delete {HIGHEST} in the log's folder and start the service again",
    )
