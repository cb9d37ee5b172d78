"""What really happened: yes, no or not known yet; when it was known; and how long that took.

An outcome is 1.0, 0.0 or null from here on. NaN is "not known", as null is: this is the one place that says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.preparation.tables import Spine

__all__ = ["TOLERATED", "Delays", "delays_of", "yes_or_no"]

TOLERATED = 0.03
"""Share of outcomes that may come later than declared, or without a usable moment, before kreis refuses them."""
_SHOWN = 8
"""Values listed in an error."""
_MIN_CASES = 20
"""Fewer of either outcome tell nothing of how their delays differ."""
_STRONG = 3.29
"""Standard errors: a chance of one in a thousand."""

_TAKES = "a yes/no question takes true/false, 1/0, or two other values with positive=…"


def yes_or_no(column: pl.Series, positive: str | float | bool | None, *, where: str) -> pl.Series:
    """An outcome's values as 1.0 (yes) and 0.0 (no), null where not known.

    Args:
        column: As the table has it.
        positive: The value that means yes, where it was declared.
        where: Names the table, the column and the user's line.

    Raises:
        ProjectError: it holds anything else than true/false, 1/0, or two values of which one is `positive`.
    """
    values = _comparable(column, where)
    found = values.drop_nulls().value_counts().sort("count", values.name, descending=[True, False])
    kinds = found[values.name].to_list()
    if positive is None:
        if set(kinds) <= {0, 1}:
            return values.cast(pl.Float64)
        hint = _how_to_map(column.name, kinds, None)
        raise ProjectError(f"the outcome {column.name!r} holds {_listed(found)}", where=where, hint=hint)
    alike = isinstance(positive, str) == (values.dtype == pl.String)
    if kinds and (len(kinds) > 2 or not alike or (len(kinds) == 2 and positive not in kinds)):
        said = f"the outcome {column.name!r} holds {_listed(found)}; positive={positive!r}"
        said += "" if positive in kinds else " is not among them"
        raise ProjectError(said, where=where, hint=_how_to_map(column.name, kinds, positive))
    yes = bool(positive) if values.dtype == pl.Boolean else positive
    return (values == yes).cast(pl.Float64) if kinds else values.cast(pl.Float64)


def _comparable(column: pl.Series, where: str) -> pl.Series:
    """As booleans, numbers (null for NaN) or texts."""
    dtype = column.dtype
    if dtype.is_decimal() or dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_integer() or dtype in (pl.Boolean, pl.String):
        return column
    if dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    raise ProjectError(f"the outcome {column.name!r} is {dtype}", where=where, hint=_TAKES)


def _listed(found: pl.DataFrame) -> str:
    shown = [f"{value!r} ({count:,})" for value, count in found.head(_SHOWN).iter_rows()]
    more = f" and {found.height - _SHOWN:,} more" if found.height > _SHOWN else ""
    values = "one value" if found.height == 1 else f"{found.height:,} values"
    return f"{values}: {', '.join(shown)}{more}"


def _how_to_map(name: str, kinds: Sequence[str | float | bool], positive: str | float | bool | None) -> str:
    if len(kinds) <= 2:
        return "say which one means yes: " + " or ".join(f"positive={each!r}" for each in kinds)
    yes = positive if positive in kinds else kinds[0]
    test = f'pl.col("{name}") == {yes!r}' if isinstance(yes, str) else f'pl.col("{name}") > 0'
    return f"{_TAKES}; say in the table what means yes: .with_columns({name}={test}), null where it is not known yet"


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
    half_of_no: float | None = None
    differ: bool = False
    """Whether the two outcomes are shown to take differently long, by more than a tenth of what is declared."""

    def check(self, spine: Spine, *, where: str) -> None:
        """Refuse a declaration that the data contradict.

        Raises:
            ProjectError: more than 3 % took longer than `outcome_within`.
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
        return [
            f"outcomes that are yes are known after {_said(self.half_of_yes)} (median), those that are no after"
            f" {_said(self.half_of_no)}: outcome_within={spine.outcome_within!r} must be long enough for both"
        ]


def delays_of(delays: pl.Series, outcomes: pl.Series, *, within: timedelta) -> Delays | None:
    """Measure how long outcomes took; None where there are none.

    Args:
        delays: From question to known outcome, durations.
        outcomes: 1.0 and 0.0, aligned.
        within: What is declared.
    """
    if delays.is_empty():
        return None
    seconds = delays.dt.total_microseconds() / 1e6

    def quantile(of: pl.Series, share: float) -> float:
        return float(of.quantile(share, "higher") or 0.0)

    yes, no = seconds.filter(outcomes > 0.5), seconds.filter(outcomes < 0.5)
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
        differ=apart and abs(_rank_score(seconds, outcomes > 0.5)) > _STRONG,
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
