"""The service core for reviews: who may label which queue, what they get, and what they say, on disk before they hear
so. It knows no transport.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from kreis.clock import microseconds
from kreis.deployment.server.config import Limits
from kreis.deployment.server.messages import Refusal, Unavailable
from kreis.deployment.server.reviews.messages import AskItems, Labels, OpenItem, OpenItems, Reviewer
from kreis.errors import KreisError, ProjectError
from kreis.reviews.desk import Desk

__all__ = ["MOST_COMMENT", "MOST_ITEMS", "Reviewing"]

_LOG = logging.getLogger("kreis.service")
MOST_ITEMS = 100
"""Items that are given at once."""
MOST_COMMENT = 4_000
"""Characters."""
_T = TypeVar("_T")


class Reviewing:
    """Gives items and takes labels. For one event loop; the disk is waited for beside it."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk, self._limits = desk, limits

    async def next(self, asked: AskItems, reviewer: Reviewer) -> OpenItems:
        """What a reviewer may label next.

        Raises:
            Refusal: it is no queue of theirs, or they ask for too many.
            Unavailable: the queue cannot be read.
        """
        _check(asked.queue, reviewer)
        if not 1 <= asked.count <= MOST_ITEMS:
            raise Refusal("out_of_range", f"ask for 1 to {MOST_ITEMS} items")
        labels, items = await _beside(lambda: self._desk.next(asked.queue, reviewer.name, asked.count))
        return OpenItems(labels=labels, items=[OpenItem(item=each.item, shown=each.shown) for each in items])

    async def take(self, said: Labels, reviewer: Reviewer, at: datetime) -> int:
        """Keep what a reviewer says; on disk when this returns. All is taken, or nothing.

        Returns:
            How many labels were new.

        Raises:
            Refusal: it is no queue of theirs, there is no such item or label, or they said otherwise before.
            Unavailable: it cannot be kept.
        """
        _check(said.queue, reviewer)
        if len(said.labels) > self._limits.rows:
            raise Refusal("rows", f"send up to {self._limits.rows} labels at once")
        if any(len(each.comment) > MOST_COMMENT for each in said.labels):
            raise Refusal("too_long", f"a comment is longer than {MOST_COMMENT:,} characters")
        now = microseconds(at)
        return await _beside(lambda: self._desk.take(said.queue, reviewer.name, said.labels, now))


def _check(queue: str, reviewer: Reviewer) -> None:
    if queue not in reviewer.queues:  # whether it is there is told to those alone who may label it
        raise Refusal("unknown_queue", "there is no queue of this name that you may label")


async def _beside(work: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(work)
    except ProjectError as error:
        raise Refusal("not_taken", error.message) from error
    except KreisError as error:
        _LOG.error("reviews: %s", error)
        raise Unavailable("unavailable", "reviews cannot be read or kept at the moment") from error
