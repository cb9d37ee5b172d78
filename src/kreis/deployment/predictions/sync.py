"""Durability "disk": whoever waits for the disk shares its fsync with all others who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kreis.deployment.predictions.log import RecordWriter
from kreis.errors import StoreError

__all__ = ["GroupSync"]


class GroupSync:
    """One fsync for all who wait: durability "disk" at the cost of a few fsyncs for each batch of requests."""

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self._waiting: list[tuple[asyncio.Future[None], Sequence[str]]] = []
        self._running: asyncio.Task[None] | None = None

    async def wait(self, ids: Sequence[str] = ()) -> None:
        """Return once everything appended before this call is on disk.

        Args:
            ids: of the predictions that wait for it.

        Raises:
            StoreError: the fsync failed; nothing may be acknowledged, and the log says so of these predictions.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((future, ids))
        if self._running is None:
            self._running = loop.create_task(self._run())
        await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: StoreError | None = None
            try:
                await loop.run_in_executor(None, self._writer.sync)
            except OSError as error:
                failure = StoreError(f"fsync failed: {error.strerror}", where=self._writer.where)
                # Whoever came meanwhile wrote to the same place, whose next fsync would succeed without meaning it.
                group, self._waiting = group + self._waiting, []
                self._writer.abandon([each for _, ids in group for each in ids])
            for future, _ in group:
                if future.done():
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)
        self._running = None
