"""A pool of this process's own threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

from kreis.tracking.here import carry

__all__ = ["Threads"]

T = TypeVar("T")
R = TypeVar("R")
_ASK_S = 0.1
"""How often `stop` is asked while an item is worked on."""


class Threads:
    """A `Pool` for work that lets go of Python's lock, as trainers do while they fit.

    Not processes: what a project declares (its task, its candidates) lives in a file that a new process would have to
    execute first, and a fork of a process in which Polars has run may wait for its threads for ever.
    """

    def map(
        self,
        work: Callable[[T], R],
        items: Sequence[T],
        *,
        at_once: int,
        on_done: Callable[[int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> list[R]:
        """The results, in the order of the items; see `Pool.map`."""
        results: list[R] = []
        executor = ThreadPoolExecutor(at_once)
        try:
            carried = carry(work)
            futures = [executor.submit(carried, item) for item in items]
            for place, future in enumerate(futures):
                future.add_done_callback(partial(_give_up, futures[place + 1 :]))
            for future in futures:
                while stop is not None and not wait([future], timeout=_ASK_S).done:
                    if stop():
                        raise CancelledError
                results.append(future.result())
                if on_done is not None:
                    on_done(len(results))
                if stop is not None and len(results) < len(items) and stop():
                    raise CancelledError
            return results
        finally:
            executor.shutdown(cancel_futures=True)


def _give_up(later: Sequence[Future[Any]], done: Future[Any]) -> None:
    """Begin no later item once one has failed."""
    if not done.cancelled() and done.exception() is not None:
        for each in later:
            each.cancel()
