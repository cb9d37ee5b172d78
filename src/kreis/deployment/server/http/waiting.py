"""Requests under way: how many are worked on, how long others wait for their turn, and how long a body may take.

A request that finds no place waits for one, a moment only; then it is refused, so that those within the bound are
answered in time and a client that asks again at once does not take the time of the others. The newest goes first: of
those that wait, it has the longest until it gives up. To refuse costs a third to a half of an answer, so whoever comes
back on the same connection before Retry-After is over waits the rest of it, unless a place is free: clients that ask
again at once cannot keep the service busy with refusals. A request whose body trickles in takes no place, and is ended
after the deadline.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from time import monotonic
from typing import Any, TypeAlias

from kreis.deployment.server.config import Limits
from kreis.deployment.server.http.refusals import HttpRefusal

__all__ = ["RETRY_AFTER_S", "Reading", "Waiting"]

RETRY_AFTER_S = 1
"""After which time a refused client may come back."""

_PLACE_S = 0.02
"""A request whose body takes longer gives up its place: it waits for the client, not for the service. Sooner than
others give up (`_TURN_S`), so those do not suffer from it."""
_SLOW_S = 0.1
"""A body that takes longer is slow: a client may have only some of them."""
_TURN_S = 0.03
"""How long a request waits for a place; it is refused at the next look."""
_EVERY_S = 0.025


_Turn: TypeAlias = tuple[float, asyncio.Future[bool], str]
"""Until when it waits, what it waits for, and its connection."""


class Reading:
    """A request whose body is being read."""

    __slots__ = ("placeless", "refusal", "scope", "since", "task")

    def __init__(self, scope: Any) -> None:
        self.scope = scope
        self.since = monotonic()
        self.task = asyncio.current_task()
        self.placeless = False
        self.refusal: HttpRefusal | None = None
        """Why it was ended; None where it was not."""

    def ended(self) -> BaseException:
        """What to raise instead of a cancellation: the refusal that it stands for, if there is one."""
        if self.refusal is None or self.task is None:
            return asyncio.CancelledError()
        self.task.uncancel()
        return self.refusal


class Waiting:
    """Counts requests from their head to their answer. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.under_way = 0
        self._placeless = 0
        self._readings: dict[Reading, None] = {}
        self._turns: deque[_Turn] = deque()
        self._early: deque[_Turn] = deque()
        """Of those that came back too soon."""
        self._refused: dict[str, float] = {}
        """By connection, in the order of time: until when it should not come back."""

    @property
    def full(self) -> bool:
        """Whether another request must wait for its turn."""
        return self.under_way - self._placeless >= self._limits.waiting

    async def turn(self, client: str) -> bool:
        """Wait for a place, which is then taken; whether there was one in time.

        Args:
            client: Address and port of the connection.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        now, until = monotonic(), self._refused.get(client, 0.0)
        if until > now:
            self._early.append((until, future, client))
        else:
            self._turns.append((now + _TURN_S, future, client))
        return await future

    def leave(self) -> None:
        """Give up a place that was taken."""
        self.under_way -= 1
        if self._turns or self._early:
            self._admit()

    def begin(self, scope: Any) -> Reading:
        """A request's head is there; its body is read next. Call `done` when it is."""
        reading = Reading(scope)
        self._readings[reading] = None
        return reading

    def done(self, reading: Reading) -> None:
        """The body is there, or will never be."""
        del self._readings[reading]
        if reading.placeless:
            self._placeless -= 1

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.look()

    def look(self) -> None:
        """End what takes too long: bodies over the deadline, the oldest of a client that sends too many slowly, and
        requests that have waited for their turn.
        """
        now = monotonic()
        self._end_bodies(now)
        self._admit()
        for turns in (self._turns, self._early):
            while turns and turns[0][0] < now:
                self._refuse(turns.popleft(), now)
        while self._refused and next(iter(self._refused.values())) < now:
            del self._refused[next(iter(self._refused))]

    def _refuse(self, turn: _Turn, now: float) -> None:
        _, future, client = turn
        if not future.done():
            self._refused.pop(client, None)
            self._refused[client] = now + RETRY_AFTER_S
            future.set_result(False)

    def _admit(self) -> None:
        while (turns := self._turns or self._early) and not self.full:
            _, future, _ = turns.pop()
            if not future.done():
                self.under_way += 1
                future.set_result(True)

    def _end_bodies(self, now: float) -> None:
        slow: Counter[str] = Counter()
        for reading in reversed(self._readings):  # the newest first
            age = now - reading.since
            if age < _PLACE_S or reading.refusal is not None:
                continue
            if not reading.placeless:
                reading.placeless = True
                self._placeless += 1
            if age < _SLOW_S:
                continue
            host = reading.scope.client.rpartition(":")[0]
            slow[host] += 1
            if age * 1000 > self._limits.body_read_ms:
                said = f"the body did not arrive within {self._limits.body_read_ms / 1000:g} s"
                self._end(reading, HttpRefusal(408, "too_slow", said))
            elif slow[host] > self._limits.slow_bodies:
                self._end(reading, HttpRefusal(503, "overloaded", "you have too many unfinished requests"))

    def _end(self, reading: Reading, refusal: HttpRefusal) -> None:
        reading.refusal = refusal
        if reading.task is not None:
            reading.task.cancel()
