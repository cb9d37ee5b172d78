"""Logged requests by which two models are compared: what each decision was worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import polars as pl

from kreis.arrays import Codes, Floats
from kreis.deployment.packages import Package
from kreis.evaluation.paired import DaySums, day_sums
from kreis.project import Project
from kreis.workspace import Workspace

__all__ = ["PairedTraffic", "ReadPaired", "days_before"]

_HISTORY = timedelta(days=28)


@dataclass(frozen=True, kw_only=True)
class PairedTraffic:
    """Requests of a time range that one of two models answered."""

    rows: pl.DataFrame
    """All of them: `at`, `model`, `latency_us`."""
    mature: int
    """Of them old enough for their outcomes to be complete; only these are compared."""
    whole: int
    """Of the mature ones those whose log holds the features of both models; groups, where rows are decided so."""
    differences: Floats
    """Value of the challenger's decision less the champion's, where the outcome is known; of rows that are decided
    among each other, the sum of each group in rows of a usual one: a group is one observation."""
    most: float
    """The most that the two can differ by in value on one of the whole requests, whatever its outcome."""
    days: Codes
    by_agreement: bool = False
    """Whether nothing ever becomes known, so that only how often the two agree can be compared."""
    overlap: float
    """By how much the days hang together because they share what happens to their requests."""

    within_day: float | None = None
    """How much two differences of one day hang together, presumably; None: as those of two models on one request."""
    unlike: str = ""
    """Why the requests whose outcome is known do not speak for all, where that is seen."""

    lacking: str = "lack a model's features"
    """What is the matter with mature requests that are not whole."""

    @property
    def known(self) -> int:
        """Whole requests whose outcome is known."""
        return len(self.differences)


ReadPaired: TypeAlias = Callable[[Project, Workspace, tuple[Package, Package], datetime, datetime], PairedTraffic]
"""Reads the log: the project, where the log is, champion and challenger, the first moment, and the present."""


def days_before(
    project: Project, workspace: Workspace, models: tuple[Package, Package], now: datetime, read: ReadPaired
) -> DaySums:
    """How much the two would have differed on each of the last four weeks of mature requests."""
    before = read(project, workspace, models, now - _HISTORY - project.horizon, now)
    return day_sums(before.differences, before.days)
