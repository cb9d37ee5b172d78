"""The parts of a moment that are features by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["date_parts"]


def date_parts(column: str, *, name: str | None = None, hour: bool = True) -> dict[str, pl.Expr]:
    """Features of a date or a moment (in UTC): year, month, day of the month, weekday (1 is Monday) and hour.

    Args:
        column: The column, or the field of a request.
        name: With what the features' names begin; the column's, if not given.
        hour: Whether to take the hour; a date has none.

    Returns:
        Expressions by name, as `feature_view` and `request_view` take them.

    Example:

    >>> from kreis import date_parts
    >>> list(date_parts("applied_on", hour=False))
    ['applied_on_year', 'applied_on_month', 'applied_on_day', 'applied_on_weekday']
    """
    import polars as pl

    moment = pl.col(column).dt
    parts = {"year": moment.year(), "month": moment.month(), "day": moment.day(), "weekday": moment.weekday()}
    if hour:
        parts["hour"] = moment.hour()
    return {f"{name or column}_{part}": expression for part, expression in parts.items()}
