"""Follows the release pointer: verifies, loads and warms up the next release while the present one answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from kreis.artifacts.store import ArtifactStore
from kreis.deployment.packages import open_package
from kreis.deployment.pointer import (
    HIGHEST,
    Highest,
    Pointer,
    open_pointer,
    read_highest,
    read_pointer,
    remember_highest,
)
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.deployment.signing import TrustedKeys
from kreis.errors import CorruptionError, KreisError, SignatureError
from kreis.ledger.records import Release

__all__ = ["Follower"]

_LOG = logging.getLogger("kreis.service")
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
        self._warm: dict[str, LoadedModel] = {}
        """Models of the present release and of the one before."""
        self.current: LoadedRelease | None = None
        self.refused: str | None = None
        """Why the newest pointer is not what answers; None where it is."""

    async def look(self) -> bool:
        """Look at the pointer once; returns whether another release answers now."""
        seen = self._pointer.version()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(self._executor, self._load)
        except Exception as error:  # whatever is wrong with a new release, the old one goes on answering
            self._metrics.refused_releases += 1
            self.refused = str(error)
            _LOG.error("release refused: %s", error, exc_info=not isinstance(error, KreisError))
            return False
        self.refused = None
        if loaded is None:
            return False
        before, self.current = self.current, loaded
        self._warm = {**(before.models if before else {}), **loaded.models}
        self._metrics.swaps += 1
        _LOG.info("release %d answers (%s)", loaded.number, loaded.id)
        return True

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        retry = loop.time() + _RETRY_S
        while True:
            await asyncio.sleep(self._config.follow_ms / 1000)
            if self.refused is not None and loop.time() >= retry:
                self._seen = None
                retry = loop.time() + _RETRY_S
            await self.look()

    def _load(self) -> LoadedRelease | None:
        """Runs beside the event loop; None where there is nothing new."""
        pointer = read_pointer(self._pointer, self._trusted)
        if pointer is None:
            return None
        release, current = pointer.release, self.current
        if release.project != self._config.project:
            raise SignatureError(f"a release of project {release.project!r}", where="release pointer")
        if current is not None and release.number <= current.number:
            if release == current.release:
                return None
            raise _not_newer(release, current.number, "which answers")
        highest = self._highest()
        again = highest is not None and (release.number, release.id) == (highest.number, highest.release)
        if highest is not None and not again and release.number <= highest.number:
            raise _not_newer(release, highest.number, "which answered here before")
        models = {digest: self._model(digest, pointer) for digest in _named(pointer)}
        loaded = LoadedRelease(release, models, [pointer.accepts])
        try:
            remember_highest(self._config.log, release)
        except OSError as error:  # it answers all the same: a full disk must not keep a release back
            _LOG.error("that release %d was taken is not written down: %s", release.number, error)
        return loaded

    def _highest(self) -> Highest | None:
        try:
            highest = read_highest(self._config.log)
        except (CorruptionError, OSError) as error:
            _LOG.error("%s", error)
            return None
        return highest if highest is not None and highest.project == self._config.project else None

    def _model(self, digest: str, pointer: Pointer) -> LoadedModel:
        warm = self._warm.get(digest)
        if warm is not None:
            return warm
        pointed = pointer.models.get(digest)
        if pointed is None:
            raise SignatureError(f"the pointer holds no package {digest[:12]}", where="release pointer")
        package = open_package(digest, pointed.envelope, self._artifacts, self._trusted)
        if package.manifest.project != self._config.project:
            raise SignatureError(f"a model of project {package.manifest.project!r}", where=f"package {digest[:12]}")
        return LoadedModel(package, pointed.version, self._stored)


def _not_newer(release: Release, number: int, which: str) -> SignatureError:
    return SignatureError(
        f"release {release.number} is not newer than {number}, {which}",
        where="release pointer",
        hint="to go back, make a new release: `kreis rollback --reason …`. After a ledger was restored from an older"
        f" copy: delete {HIGHEST} in the log's folder and start the service again",
    )


def _named(pointer: Pointer) -> list[str]:
    release = pointer.release
    names = [route.model for route in release.routes] + ([release.fallback] if release.fallback else [])
    return list(dict.fromkeys(names))
