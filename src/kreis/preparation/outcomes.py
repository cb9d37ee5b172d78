"""When what really happened was known, and how long that took."""

from __future__ import annotations

import math
from datetime import timedelta

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.preparation.tables import Spine
from kreis.tasks.task import Task

__all__ = ["TOLERATED", "Delays", "delays_of"]

TOLERATED = 0.03
"""Share of outcomes that may come later than declared, or without a usable moment, before kreis refuses them."""
_MIN_CASES = 20
"""Fewer of either kind of outcome tell nothing of how their delays differ."""
_STRONG = 3.29
"""Standard errors: a chance of one in a thousand."""


class Delays(msgspec.Struct, frozen=True, kw_only=True):
    """How long outcomes took, in seconds, over rows old enough to have theirs."""

    rows: int
    half: float
    most: float
    """97 of 100 took no longer."""
    nearly_all: float
    """99 of 100 took no longer."""
    longest: float
    later: int
    """How many took longer than declared."""
    half_of_yes: float | None = None
    """Of the task's first half of outcomes (`Task.halves`)."""
    half_of_no: float | None = None
    """Of the other half."""
    differ: bool = False
    """Whether the two are shown to take differently long, by more than a tenth of what is declared."""
    halves: tuple[str, str] = ("that are yes", "that are no")
    """What the halves are, in words."""

    def check(self, spine: Spine, *, where: str) -> None:
        """Refuse a declaration that the data contradict.

        Raises:
            ProjectError: more than 3% took longer than `outcome_within`.
        """
        if self.later <= TOLERATED * self.rows:
            return
        raise ProjectError(
            f"{self.later / self.rows:.0%} of {self.rows:,} outcomes took longer than"
            f" outcome_within={spine.outcome_within!r}: half were known within {_said(self.half)}, 97 of 100 within"
            f" {_said(self.most)}, 99 of 100 within {_said(self.nearly_all)}, all within {_said(self.longest)}",
            where=where,
            hint=f'declare outcome_within="{_duration(self.nearly_all)}"',
        )

    def warnings(self, spine: Spine) -> list[str]:
        """That outcomes of one kind come much later than those of the other."""
        if not self.differ or self.half_of_yes is None or self.half_of_no is None:
            return []
        first, second = self.halves
        return [
            f"outcomes {first} are known after {_said(self.half_of_yes)} (median), those {second} after"
            f" {_said(self.half_of_no)}: outcome_within={spine.outcome_within!r} must be long enough for both"
        ]


def delays_of(delays: pl.Series, outcomes: pl.Series, *, task: Task, within: timedelta) -> Delays | None:
    """Measure how long outcomes took; None where there are none.

    Args:
        delays: From question to known outcome, durations.
        outcomes: Known ones, aligned.
        task: Says which two kinds of outcomes there are.
        within: What is declared.
    """
    if delays.is_empty():
        return None
    seconds = delays.dt.total_microseconds() / 1e6

    def quantile(of: pl.Series, share: float) -> float:
        return float(of.quantile(share, "higher") or 0.0)

    (first, is_first), (second, is_second) = task.halves(outcomes.to_numpy())
    kinds = pl.Series(is_first), pl.Series(is_second)
    yes, no = (seconds.filter(kind) for kind in kinds)
    half_of_yes, half_of_no = (quantile(each, 0.5) if len(each) >= _MIN_CASES else None for each in (yes, no))
    apart = half_of_yes is not None and half_of_no is not None
    apart = apart and abs((half_of_yes or 0.0) - (half_of_no or 0.0)) > 0.1 * within.total_seconds()
    return Delays(
        rows=len(seconds),
        half=quantile(seconds, 0.5),
        most=quantile(seconds, 0.97),
        nearly_all=quantile(seconds, 0.99),
        longest=quantile(seconds, 1.0),
        later=int((seconds > within.total_seconds()).sum()),
        half_of_yes=half_of_yes,
        half_of_no=half_of_no,
        differ=apart and abs(_rank_score(seconds, kinds[0])) > _STRONG,
        halves=(first, second),
    )


def _rank_score(values: pl.Series, yes: pl.Series) -> float:
    """The rank-sum statistic in standard errors (Mann and Whitney 1947), with the correction for ties."""
    n, m = int(yes.sum()), int((~yes).sum())
    ties = values.value_counts()["count"].cast(pl.Float64)
    total = n + m
    spread = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    ranks = float(values.rank("average").filter(yes).sum())
    return (ranks - n * (total + 1) / 2) / math.sqrt(spread) if spread > 0 else 0.0


def _duration(seconds: float) -> str:
    """The shortest duration, as one declares it, that is no shorter."""
    if seconds <= 5_400:
        return f"{max(1, math.ceil(seconds / 60))}m"
    return f"{math.ceil(seconds / 3_600)}h" if seconds <= 172_800 else f"{math.ceil(seconds / 86_400)}d"


def _said(seconds: float) -> str:
    if seconds < 5_400:
        return f"{seconds / 60:.0f}m"
    return f"{seconds / 3_600:.1f}h" if seconds < 172_800 else f"{seconds / 86_400:.1f}d"
