"""The replay: simulated time passes hour by hour; what becomes known is fed, what is asked is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kreis.clock import SimulatedClock, microseconds
from kreis.demo.client import ServiceClient
from kreis.demo.service import RunningService
from kreis.demo.world import World
from kreis.ledger import releases
from kreis.preparation.online.feed import OnlineFeed
from kreis.project import Project
from kreis.watching.watcher import Look, Watcher
from kreis.ways.tabular.feeding import open_feed
from kreis.workspace import Workspace

__all__ = ["Progress", "Replayed", "replay"]

_HOUR = 3_600_000_000
_CONNECTIONS = 8


@dataclass(kw_only=True)
class Replayed:
    """What happened."""

    predictions: int = 0
    outcomes: int = 0
    looks: list[Look] = field(default_factory=list)


Progress = Callable[[datetime, Replayed], None]
"""Told after each simulated day."""


def replay(
    project: Project,
    workspace: Workspace,
    world: World,
    service: RunningService,
    watcher: Watcher,
    *,
    start: datetime,
    end: datetime,
    on_day: Progress,
) -> Replayed:
    """Replay the traffic from start to end.

    Raises:
        ServiceError: the service refuses a request or is gone.
    """
    store = workspace.online.open()
    try:
        feed = open_feed(project, store, world.frames)
        return asyncio.run(_Replay(project, workspace, world, service, watcher, feed, on_day).run(start, end))
    finally:
        store.close()


class _Replay:
    def __init__(
        self,
        project: Project,
        workspace: Workspace,
        world: World,
        service: RunningService,
        watcher: Watcher,
        feed: OnlineFeed,
        on_day: Progress,
    ) -> None:
        self._project = project
        self._workspace = workspace
        self._world = world
        self._service = service
        self._watcher = watcher
        self._feed = feed
        self._on_day = on_day
        self._replayed = Replayed()

    async def run(self, start: datetime, end: datetime) -> Replayed:
        self._start = start
        async with ServiceClient("127.0.0.1", self._service.port, connections=_CONNECTIONS) as client:
            day = start
            while day < end:
                await self._day(client, day)
                day += timedelta(days=1)
                await client.flush()
                self._advance_clock(day)
                look = self._watcher.look(day)
                self._replayed.looks.append(look)
                if look.canary is not None or look.circle is not None:
                    await client.wait_for_release(self._current_release())
                self._service.check()
                self._on_day(day, self._replayed)
        return self._replayed

    async def _day(self, client: ServiceClient, day: datetime) -> None:
        traffic = self._world.traffic(day, day + timedelta(days=1))
        known = self._world.known_between(day, day + timedelta(days=1), asked_from=self._start)
        first = microseconds(day)
        for start in range(first, first + 24 * _HOUR, _HOUR):
            # Rows known within the hour are fed before its requests; a request sees only those known by its moment.
            self._feed.advance(start + _HOUR - 1)
            bodies, times = traffic.requests(start, start + _HOUR)
            await client.predict_many(bodies, times)
        self._replayed.predictions += len(traffic.rows)
        if known:
            self._replayed.outcomes += await client.outcomes(known)

    def _advance_clock(self, to: datetime) -> None:
        if isinstance(self._workspace.clock, SimulatedClock):
            self._workspace.clock.advance(to)

    def _current_release(self) -> int:
        with self._workspace.ledger.read() as connection:
            release = releases.current_release(connection, self._project.name)
        return 0 if release is None else release.number
