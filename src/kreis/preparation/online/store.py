"""What an online store is: rows by view and entity, read at one snapshot, fed in batches that count once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.preparation.online.layout import Layout

__all__ = ["Get", "OnlineStore", "Rows", "Source"]

Get: TypeAlias = Callable[[bytes], memoryview | bytes | None]
"""The value of a key, or None; a memoryview is good only within the snapshot."""


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
    """Holds what `Layout` describes. It is derived: losing it costs a rebuild from the tables, no data."""

    def snapshot(self) -> AbstractContextManager[Get]:
        """Read one consistent state, never blocked by a writer. Snapshots of one thread must not be nested."""
        ...

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        """Add batches in one transaction and remember `position` for each one's view.

        A batch whose view already stands at `position` or later is left out, so repeating after a crash changes
        nothing. One that is `afresh` is taken at the view's own position, too; entities whose rows are the same stay
        untouched.

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
        """Let go of files; no snapshot may be open."""
        ...
