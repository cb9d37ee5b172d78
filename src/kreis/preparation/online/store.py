"""What an online store is: rows by view and entity, read at one snapshot, fed in batches that count once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.preparation.online.layout import Layout

__all__ = ["OnlinePlace", "OnlineStore", "Read", "Rows", "Source", "Value"]

Value: TypeAlias = memoryview | bytes
"""A memoryview is good only within the snapshot that gave it."""
Read: TypeAlias = Callable[[Sequence[bytes]], Iterable[Value | None]]
"""The values of some keys, in their order; None for a key that the store does not hold. Keys may repeat."""


@dataclass(frozen=True)
class Source:
    """Which rows of which table a view was fed with."""

    rows: int = 0
    """Digest of the rows known by the position, of 64 bits: another one means that rows came late or were corrected."""
    mark: int = 0
    """Of 64 bits, names the version of the table; 0 where it is not known."""


@dataclass(frozen=True)
class Rows:
    """Rows of one view, in order of known at, then as in the table; n of them."""

    layout: Layout
    entities: Sequence[str]
    event_time: npt.NDArray[np.int64]
    """µs since 1970 UTC, shape (n,)."""
    known_at: npt.NDArray[np.int64]
    """µs since 1970 UTC, shape (n,)."""
    values: npt.NDArray[np.float64]
    """The row expressions of the layout's plan, shape (n, columns), missing as NaN."""
    source: Source = Source()
    """What the view's rows are, with these."""
    afresh: bool = False
    """Whether these are all rows that can be seen, in place of those that the store holds."""


class OnlineStore(Protocol):
    """Holds what `Layout` describes. It is derived: losing it costs a rebuild from the tables, no data.

    What a batch makes of the stored bytes is the same for every store (`updates`); a store brings the transaction in
    which that is done. The behaviour suite is `tests/preparation/online/behaviour`.
    """

    def snapshot(self) -> AbstractContextManager[Read]:
        """Read one consistent state, never blocked by a writer. Snapshots of one thread must not be nested.

        A request over any number of views and entities calls `Read` once for their records, and once more if windows
        cut through tiles that are not in memory. So a store behind a network is asked twice at most: in Redis, WATCH
        and MGET of the records in one pipeline, then MULTI, MGET of the tiles, EXEC, which fails where a record was
        written in between (then the snapshot says so with StoreError, and the request is answered by the next one).
        """
        ...

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        """Add batches in one transaction and remember `position` for each one's view.

        A batch whose view already stands at `position` or later is left out, so repeating after a crash changes
        nothing. One that is `afresh` is taken at the view's own position, too; entities whose rows are the same stay
        untouched.

        Records are read, changed and written inside this one call. A store with transactions hands its own to
        `updates.append`; in Redis that is WATCH on the views' keys, reads past the transaction, and all writes in one
        MULTI … EXEC, done again from the start where a watched key has changed.

        Args:
            batches: rows by view.
            position: the moment (µs) up to which the rows are known.

        Returns:
            How many rows were added.

        Raises:
            StoreError: the store cannot be written; nothing of it has been added.
        """
        ...

    def position(self, layout: Layout) -> int | None:
        """The position of the last batch of a view; None for a view that was never fed."""
        ...

    def source(self, layout: Layout) -> Source:
        """What a view was fed with."""
        ...

    def expire(self, layout: Layout, before: int) -> int:
        """Drop a view's tiles that end before a moment (µs); without a ttl, an entity's newest tile stays.

        Returns:
            How many tiles were dropped.
        """
        ...

    def clear(self, layout: Layout) -> None:
        """Forget everything about a view, to feed it again."""
        ...

    def close(self) -> None:
        """Let go of files and connections; no snapshot may be open."""
        ...


class OnlinePlace(Protocol):
    """Where an online store is kept; `open_online` names one by its URL."""

    def open(self, *, readonly: bool = False, checked: bool = False) -> OnlineStore:
        """Open the store. Without `readonly` it is made where there is none, and one process at a time has it.

        Args:
            readonly: opens for reading alone, as the service does.
            checked: looks at every byte first.

        Raises:
            StoreError: there is no store (readonly), or another process feeds it.
            CorruptionError: it is damaged.
        """
        ...

    def exists(self) -> bool:
        """Whether a store is there."""
        ...

    def problems(self) -> list[str]:
        """What is damaged, in sentences, after every byte was looked at; nothing where there is no store."""
        ...

    def discard(self) -> None:
        """Throw the store away, to be fed again. Readers go over to the new one."""
        ...
