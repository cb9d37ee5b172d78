"""What a contract demands, compiled into Polars expressions over the contract's columns.

A *row rule* is broken by single rows, which then go to quarantine with its reason. A *key rule* is broken by rows
whose key came before. A *table rule* compares a number about the whole batch, as it came, with a bound.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from kreis.collection.contracts.columns import Column

__all__ = ["MOMENT", "UNREADABLE", "BatchRule", "Comparison", "KeyRule", "LatencyRule", "Plan", "RowRule", "TableRule"]

MOMENT = "__at"
"""The column that a timed rule compares with: the moment that a batch is judged at."""

Bound = float | tuple[float, float]


UNREADABLE = "__unreadable"
"""A column that a source may give: why there is nothing in a row, or null. Such a row is bad for this reason alone."""


@dataclass(frozen=True)
class RowRule:
    """A condition on one row."""

    column: str
    phrase: str
    broken: pl.Expr
    """True where the row breaks it; null counts as kept."""
    detail: pl.Expr | None = None
    """What is told beside the reason, of a row that breaks it."""
    timed: bool = False
    """Whether it reads `MOMENT`; without a moment it is not judged."""

    @property
    def reason(self) -> str:
        """As told to people: "temp: above 130"."""
        return f"{self.column}: {self.phrase}"


@dataclass(frozen=True)
class KeyRule:
    """Columns whose values together occur once. Rows where one is null are left to `required`."""

    columns: tuple[str, ...]
    primary: bool

    @property
    def reason(self) -> str:
        """As told to people."""
        what = "primary key" if self.primary else "value"
        return f"{', '.join(self.columns)}: {what} came before"


@dataclass(frozen=True)
class Comparison:
    """A number compared with a bound, in the standard's operators (`must_be_less_than`, …)."""

    operator: str
    bound: Bound

    def holds(self, number: float) -> bool:
        """Whether the number satisfies it."""
        return _HOLDS[self.operator](number, self.bound)

    def demands_zero(self, *, percent: bool) -> bool:
        """Whether, of a count or percentage of rows, only zero satisfies it: then each such row is a bad row."""
        least, most = (1e-9, 100) if percent else (1, 10**15)
        return self.holds(0) and not self.holds(least) and not self.holds(most)


def _between(number: float, bound: Bound) -> bool:
    low, high = bound if isinstance(bound, tuple) else (bound, bound)
    return low <= number <= high


_HOLDS: dict[str, Callable[..., bool]] = {
    "must_be": operator.eq,
    "must_not_be": operator.ne,
    "must_be_greater_than": operator.gt,
    "must_be_greater_or_equal_to": operator.ge,
    "must_be_less_than": operator.lt,
    "must_be_less_or_equal_to": operator.le,
    "must_be_between": _between,
    "must_not_be_between": lambda number, bound: not _between(number, bound),
}


@dataclass(frozen=True)
class TableRule:
    """A metric of the whole batch."""

    label: str
    metric: pl.Expr
    """One number."""
    percent: bool
    comparison: Comparison
    told: str
    """The comparison as written: "mustBeLessThan 5 percent"."""
    warns_only: bool


@dataclass(frozen=True)
class BatchRule:
    """What is found among the rows of a batch, told in sentences."""

    columns: tuple[str, ...]
    found: Callable[..., list[str]]
    """Takes the values of each column, as lists."""
    warns_only: bool


@dataclass(frozen=True)
class LatencyRule:
    """The newest value of a column must not be older than this at the end of the window."""

    column: str
    at_most: timedelta


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A contract, compiled."""

    table: str
    columns: tuple[Column, ...]
    row_rules: tuple[RowRule, ...]
    key_rules: tuple[KeyRule, ...]
    table_rules: tuple[TableRule, ...] = ()
    batch_rules: tuple[BatchRule, ...] = ()
    latency: tuple[LatencyRule, ...] = ()
    at_most: float = 0.05
    changes_at_most: float = 0.1
    """The share of the rows collected before that may be gone or otherwise at once."""
    keep_extra: bool = False
    may_be_empty: bool = False
    """Whether a source may have no rows at all, from its beginning on."""
    primary_key: tuple[str, ...] = field(default=())
