"""Whether answers cost more than they may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.monitoring.monitor import Finding, State, Watched, require_positive
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfLevel
from kreis.texts import counted

__all__ = ["Spending"]


@dataclass(frozen=True, kw_only=True)
class Spending(OfLevel):
    """Reports a day on which answers cost more than they may; it stops nothing (a model's `Budget` does).

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> Spending(per_day=20.0).name
    'spending'
    """

    kind: ClassVar[str] = "spending"
    per_day: float
    """In the currency of the price list."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("Spending", per_day=self.per_day)

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        money = day.feature("money")
        if not len(day) or money is None:
            return None
        spent = float(np.nansum(money))
        seen: State = {"money": spent}
        if spent <= self.per_day:
            return seen, None
        summary = (
            f"on {day.day} {counted(len(day), 'answer')} cost {spent:,.2f}, {self.per_day:,.2f} a day are allowed"
            f" ({1000 * spent / len(day):,.2f} per 1,000 questions)"
        )
        detail = {"day": day.day.isoformat(), "money": spent, "questions": len(day)}
        return seen, Finding(level="critical", monitor=self.name, summary=summary, detail=detail)
