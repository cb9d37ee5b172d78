"""A source's rows per day against its own past: a file that was cut, a day that is nearly empty."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

__all__ = ["thin_days"]

_PAST = 28
"""Days that a day is compared with: four weeks, so that every weekday is among them."""
_LEAST = 7
"""Days of the past that there must be."""
_SHOWN = 3


def thin_days(known_at: pl.Series, after: datetime | None, until: datetime) -> str | None:
    """Say which whole days (UTC) of a window have far fewer rows than the days before them.

    A day is far below its past where it has less than half of the least of the 28 days before it, and less than
    their median by more than four times its square root (the spread of a count).

    Args:
        known_at: Of the window's rows and of those before it.
        after: The window's beginning; None for the beginning of the source.
        until: The window's end.

    Returns:
        One sentence with the numbers; None where no day is.
    """
    counts = {day: count for day, count in known_at.dt.date().value_counts().iter_rows() if day is not None}
    if not counts:
        return None
    begin = min(counts)
    last = until.date() - timedelta(days=1)
    first = max(begin + timedelta(days=_LEAST), begin if after is None else after.date())
    found = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        past = sorted(
            counts.get(day - timedelta(days=back), 0) for back in range(1, min(_PAST, (day - begin).days) + 1)
        )
        count, median = counts.get(day, 0), past[len(past) // 2]
        if count < past[0] / 2 and count < median - 4 * median**0.5:
            found.append((day, count, past[0], past[-1]))
    return _said(found) if found else None


def _said(found: list[tuple[date, int, int, int]]) -> str:
    days = ", ".join(f"{day} has {count:,} (before: {low:,} to {high:,})" for day, count, low, high in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"far fewer rows than on the days before: {days}{more}"
