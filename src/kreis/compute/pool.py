"""What a compute pool is: a function over many items, several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Pool"]

T = TypeVar("T")
R = TypeVar("R")


class Pool(Protocol):
    """Runs work. The behaviour suite is `tests/compute/behaviour`.

    Whatever the pool, the results are the same: work must depend on its item alone. A pool of other processes or
    machines asks for work and items that can be sent to them.
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
        """The results, in the order of the items.

        Args:
            work: of one item.
            items: what to work on.
            at_once: how many at most; a pool may do fewer.
            on_done: told, in the caller's thread, how many items from the first on have their results.
            stop: asked now and then whether to give up.

        Returns:
            A result for each item.

        Raises:
            CancelledError: `stop` said so. What had begun is finished, or ended by the pool; the rest is not begun.
            Exception: the error of the first item, in their order, whose work failed; the rest is not begun.
        """
        ...
