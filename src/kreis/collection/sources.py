"""A source: where rows come from, what they promise, and when each could have been known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import polars as pl

from kreis.collection.contracts.contract import Contract
from kreis.errors import ProjectError

__all__ = ["Source", "Window"]


class Window(msgspec.Struct, frozen=True):
    """Rows with `after < known_at <= until`; from the beginning where `after` is None. Times are UTC."""

    after: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        for moment in (self.after, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"a window needs timezone-aware moments, not {moment}")

    def contains(self, known_at: str | pl.Expr) -> pl.Expr:
        """Whether a row is in the window: an expression over the column (or expression) that holds its known at."""
        column = pl.col(known_at) if isinstance(known_at, str) else known_at
        within = column <= self.until
        return within if self.after is None else within & (column > self.after)


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
    """A cheap probe of the data outside (a file's digest, a row count); part of the key of the step."""

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
                f"known_at names {self.known_at!r}, which may be missing or is no timestamp",
                where=where,
                hint=f"in {self.contract.file} write logicalType: timestamp and required: true",
            )
