"""A source: where rows come from, what they promise, and when each could have been known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import polars as pl

from kreis.collection.contracts.contract import Contract
from kreis.errors import KreisError, ProjectError, ServiceError

__all__ = ["SUPERSEDED_AT", "Changed", "Source", "Window"]

SUPERSEDED_AT = "superseded_at"
"""The column that says from when a version of a row was corrected; null for one that stands."""

Changed = Literal["replace", "keep"]
_FAR = timedelta(days=3650)
"""A moment so far after the window is taken for a mistake, not for a row that is known later."""


class Window(msgspec.Struct, frozen=True):
    """Rows with `after < known_at <= until`; from the beginning where `after` is None. Times are UTC.

    Example:

    >>> from datetime import UTC, datetime
    >>> import polars as pl
    >>> day = Window(datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 5, 2, tzinfo=UTC))
    >>> rows = pl.DataFrame({"at": [datetime(2013, 5, 1, 12, tzinfo=UTC), datetime(2013, 5, 3, tzinfo=UTC)]})
    >>> rows.filter(day.contains("at")).height
    1
    """

    after: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        for moment in (self.after, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"a window needs timezone-aware moments, not {moment}")

    def contains(self, known_at: str | pl.Expr) -> pl.Expr:
        """Whether a row is in the window: an expression over the column (or expression) that holds its known at.

        Rows without a moment, and rows ten years ahead, are let through: the contract sets them aside and counts them.
        """
        column = pl.col(known_at) if isinstance(known_at, str) else known_at
        within = column <= self.until
        if self.after is not None:
            within &= column > self.after
        far = datetime.max.replace(tzinfo=UTC) - _FAR
        if self.until < far:
            within |= column > self.until + _FAR
        return within.fill_null(True)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows from outside, read a window at a time."""

    name: str
    """Names the tables: bronze/NAME and quarantine/NAME."""
    contract: Contract
    known_at: str
    """The column that says when a row could first have been known."""
    read: Callable[[Window], pl.LazyFrame]
    """Gives the rows of a window, in the shape that the contract describes."""
    version: Callable[[], str] | None = None
    """A cheap probe of the data outside (a row count, a change number): another answer, and all is read again."""
    late: timedelta = timedelta(days=7)
    """How long before the end of the last window each collection reads again, for rows that reach the source late."""
    changed: Changed = "replace"
    """What becomes of a row that the source now gives otherwise, without a later known-at: the new one takes its place,
    or what was collected stays and the new one is set aside."""
    whole: bool = False
    """Whether it is read as a whole, and gives of each key only what stands: none of its rows is late, and an older
    version that it gives no more is not gone.
    """
    stored: Callable[[Any, Window], pl.LazyFrame] | None = None
    """Gives the rows of a window where they lie in the lake itself, which it takes first. `read` is bound to it."""

    def __post_init__(self) -> None:
        """Check that the contract says when rows are known.

        Raises:
            ProjectError: `known_at` is no column of the contract, no timestamp, or may be missing.
        """
        columns = {column.name: column for column in self.contract.plan.columns}
        where = f"source {self.name!r}"
        if self.known_at not in columns:
            raise ProjectError.unknown_name("column of the contract", self.known_at, columns, where=where)
        column = columns[self.known_at]
        if column.logical_type != "timestamp" or not column.required:
            raise ProjectError(
                f"known_at names {self.known_at!r}, which may be missing or is not a timestamp",
                where=where,
                hint=f"in {self.contract.file} write logicalType: timestamp and required: true",
            )

    def of(self, lake: Any) -> Source:
        """The source, reading from a lake where its rows lie there."""
        stored = self.stored
        return self if stored is None else replace(self, read=lambda window: stored(lake, window))

    def once(self) -> AbstractContextManager[None]:
        """Within it, what is read to see whether it changed is not read again, where its function can keep it."""
        once: Callable[[], AbstractContextManager[None]] = getattr(self.read, "once", nullcontext)
        return once()

    def rows(self, window: Window) -> pl.LazyFrame:
        """What its function gives for a window.

        Raises:
            ServiceError: the function failed.
            ProjectError: it gave something other than a Polars frame.
        """
        try:
            frame: Any = self.read(window)
        except KreisError as error:
            error.where = f"source {self.name!r}" + (f", {error.where}" if error.where else "")
            raise
        except Exception as error:
            raise self.unreadable(error) from error
        if isinstance(frame, pl.DataFrame):
            return frame.lazy()
        if isinstance(frame, pl.LazyFrame):
            return frame
        kind = type(frame)
        hints = {"NoneType": "its function ends without `return`", "pandas": "return pl.from_pandas(frame)"}
        hint = hints.get(kind.__name__) or hints.get(kind.__module__.partition(".")[0])
        raise ProjectError(
            f"the source gave {'nothing' if frame is None else f'a {kind.__module__}.{kind.__name__}'}, not a frame",
            where=f"source {self.name!r}",
            hint=hint or "return a polars LazyFrame or DataFrame",
        )

    def unreadable(self, error: Exception) -> ServiceError:
        """The error to raise where its rows cannot be read."""
        hint = "nothing was collected; run again when it is back, or correct its function"
        text = str(error)
        if isinstance(error, pl.exceptions.PolarsError):
            text = text.split("\n\n")[0]  # the rest is the plan, in Polars' words
        if "fields than defined in 'Schema'" in text or "found more fields than" in text:
            hint = "a line has more fields than the header: kreis.read_csv names such lines and sets them aside"
        elif isinstance(error, pl.exceptions.PolarsError) and "datetime" in text.lower():
            hint = (
                f"is {self.known_at!r} a moment with a zone? "
                f'pl.col("{self.known_at}").dt.replace_time_zone("UTC"), or .str.to_datetime(…, time_zone="UTC")'
            )
        return ServiceError(
            f"the source could not be read: {type(error).__name__}: {text}", where=f"source {self.name!r}", hint=hint
        )
