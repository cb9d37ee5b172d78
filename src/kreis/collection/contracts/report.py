"""What a check found: the good rows, the bad ones with their reasons, and the counts."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import polars as pl

from kreis.errors import ContractError

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

    @property
    def share(self) -> float:
        """The share of rows that were quarantined."""
        return self.quarantined / self.rows if self.rows else 0.0

    @property
    def passed(self) -> bool:
        """Whether the contract holds: nothing wrong with the batch, and no more bad rows than it tolerates."""
        return not self.table_failures and self.share <= self.at_most

    @property
    def verdict(self) -> str:
        """One sentence that says what holds or breaks."""
        told = list(self.table_failures)
        if self.share > self.at_most:
            worst = ", ".join(f"{reason} ({count:,})" for reason, count in list(self.by_rule.items())[:3])
            told.append(f"{self.share:.1%} of the rows are bad, {self.at_most:.1%} are tolerated: {worst}")
        if told:
            return f"{self.table} breaks its contract: " + "; ".join(told)
        return f"{self.table} holds its contract: {self.good:,} good rows, {self.quarantined:,} quarantined"


@dataclass(frozen=True)
class CheckResult:
    """A batch, parted."""

    good: pl.DataFrame
    """The contract's columns, in its order and types."""
    quarantined: pl.DataFrame
    """The contract's columns as text, as they came, then `reasons` (list of text) and `contract` (its digest)."""
    report: ContractReport


class ContractBrokenError(ContractError):
    """A batch breaks its contract, where the caller asked for `strict`; `result` holds the rows."""

    def __init__(self, result: CheckResult, *, where: str | None = None) -> None:
        self.result = result
        super().__init__(
            result.report.verdict if not result.report.passed else f"{result.report.quarantined:,} rows are bad",
            where=where,
            hint="look at result.quarantined: each row carries its reasons",
        )
