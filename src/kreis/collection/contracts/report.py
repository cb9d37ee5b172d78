"""What a check found: the good rows, the bad ones with their reasons, and the counts."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import polars as pl

from kreis.errors import ContractError
from kreis.texts import counted

__all__ = ["CheckResult", "ContractBrokenError", "ContractReport"]


class ContractReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one batch, as plain data."""

    table: str
    contract: str
    """The contract's digest."""
    rows: int
    good: int
    quarantined: int
    by_rule: dict[str, int] = {}
    """Reason to number of rows that it holds for; a row can have several."""
    table_failures: list[str] = []
    """What is wrong with the batch as a whole; any makes the contract broken."""
    warnings: list[str] = []
    """What the owner of the source should know, and what breaks nothing."""
    at_most: float = 0.05
    """The share of quarantined rows that the contract tolerates."""
    late: int = 0
    """Good rows that an earlier collection should have seen: they were known by then, and reached the source later."""
    corrected: int = 0
    """Good rows that give a key another value than the one known before."""
    replaced: int = 0
    """Good rows that differ from one that is held with the same key and known-at, and took its place."""
    vanished: int = 0
    """Rows that are held and that the source, read again, no longer gives."""
    repeated: int = 0
    """Exact copies of another row of the batch; left out."""
    held: int = 0
    """Rows that were read again and are held as they came; they are not counted in `rows`."""
    fresh: int = 0
    """Rows of the time after what was collected before: a batch's own, without what was read again."""
    fresh_bad: int = 0
    """How many of them were quarantined."""
    known: int = 0
    """Rows that were collected before."""
    undone: int = 0
    """How many of those are gone or changed now; counted only where they are more than may be at once."""
    accepted_by: str = ""
    """Who accepted that; nothing is taken from the source before somebody does."""

    @property
    def waits(self) -> bool:
        """Whether somebody has to accept first what became of the rows collected before."""
        return self.undone > 0 and not self.accepted_by

    @property
    def changes(self) -> str:
        """What became of the rows collected before, where it is more than may be at once; else empty."""
        if not self.undone:
            return ""
        share = f"{self.undone / self.known:.1%}"
        return f"{self.undone:,} of {self.known:,} rows that were collected before ({share}) are gone or changed"

    @property
    def share(self) -> float:
        """The share of rows that were quarantined: of all that were read, or of the fresh ones, where that is more."""
        return max(
            self.quarantined / (self.rows + self.held) if self.rows else 0.0,
            self.fresh_bad / self.fresh if self.fresh else 0.0,
        )

    @property
    def passed(self) -> bool:
        """Whether the contract holds: nothing wrong with the batch, no more bad rows than it tolerates, and no more of
        the known rows undone than may be at once.
        """
        return not self.table_failures and self.share <= self.at_most and not self.waits

    @property
    def verdict(self) -> str:
        """One sentence that says what holds or breaks."""
        told = list(self.table_failures)
        if self.share > self.at_most:
            worst = ", ".join(f"{reason} ({count:,})" for reason, count in list(self.by_rule.items())[:3])
            told.append(f"{self.share:.1%} of the rows are bad, {self.at_most:.1%} are tolerated: {worst}")
        if self.waits:
            told.append(self.changes)
        if told:
            return f"{self.table} breaks its contract: " + "; ".join(told)
        counts = f"{self.good:,} good rows, {self.quarantined:,} quarantined"
        return f"{self.table} holds its contract: " + ", ".join([counts, *self.taken])

    @property
    def taken(self) -> list[str]:
        """What kinds of rows were taken in otherwise than once and in time: "12 late", "1 corrected"."""
        kinds = {"late": self.late, "corrected": self.corrected, "replaced": self.replaced, "repeated": self.repeated}
        taken = [f"{count:,} {kind}" for kind, count in kinds.items() if count]
        return [*taken, f"{self.accepted_by} accepts that {self.changes}"] if self.accepted_by else taken


@dataclass(frozen=True)
class CheckResult:
    """A batch, parted."""

    good: pl.DataFrame
    """The contract's columns, in its order and types."""
    quarantined: pl.DataFrame
    """The contract's columns as text, as they came, then `reasons` (list of text) and `contract` (its digest)."""
    report: ContractReport
    versions: pl.Series
    """Per good row: whether its key has several versions by now."""
    replacing: pl.Series
    """Per good row: whether it takes the place of one that is held with the same key and known-at."""


class ContractBrokenError(ContractError):
    """A batch breaks its contract, where the caller asked for `strict`; `result` holds the rows."""

    def __init__(self, result: CheckResult, *, where: str | None = None) -> None:
        self.result = result
        super().__init__(
            result.report.verdict
            if not result.report.passed
            else f"{counted(result.report.quarantined, 'row is', 'rows are')} bad",
            where=where,
            hint="look at result.quarantined: each row carries its reasons",
        )
