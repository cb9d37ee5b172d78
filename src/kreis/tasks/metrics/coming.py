"""Rows that are still to come: how fast, and so when more of them will have arrived."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import NamedTuple

__all__ = ["Coming"]

_LONGEST = 36_500


class Coming(NamedTuple):
    """How fast rows come by themselves."""

    since: date
    """The day of the run: what was known by then is there."""
    days: float
    """Over how many days the present rows came."""
    in_time: bool = True
    """Whether the present rows are those of the last days, so that more of them need a longer test part."""

    def when(self, more: float) -> str:
        """By when there will be more rows, in words that follow: " (by 2026-03-14, …)".

        Args:
            more: How many more, as a multiple of the present ones.
        """
        days = math.ceil(more * self.days - 1e-9)
        if days > _LONGEST:
            return " (not within 100 years)"
        longer = f", with a test part of {math.ceil(self.days) + days:,} days" if self.in_time else ""
        return f" (by {self.since + timedelta(days=days)}{longer})"
