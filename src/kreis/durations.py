"""Durations as users write them: "90m", "24h", "7d"."""

from __future__ import annotations

from datetime import timedelta

from kreis.errors import ProjectError

__all__ = ["duration", "duration_us", "parse_duration"]

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def parse_duration(text: str) -> timedelta:
    """Read a duration as "90m", "24h" or "7d".

    Raises:
        ValueError: it is not a positive whole number with one of the units m, h, d.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal() or int(number) == 0:
        raise ValueError(f"{text!r} is not a valid duration; write a whole number and m, h or d: '90m', '24h', '7d'")
    return timedelta(seconds=int(number) * _UNITS[unit])


def duration_us(text: str) -> int:
    """As `parse_duration`, in µs."""
    return parse_duration(text) // timedelta(microseconds=1)


def duration(text: str, where: str) -> timedelta:
    """Read a duration that a user declares.

    Args:
        text: As for `parse_duration`.
        where: The user's line, and which of its parameters.

    Raises:
        ProjectError: it is none.
    """
    try:
        return parse_duration(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise ProjectError(str(error), where=where, hint="write '90m', '24h' or '7d'") from error
