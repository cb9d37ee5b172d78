"""Time as a parameter: one `Clock` is handed down, and nothing else asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SimulatedClock", "SystemClock", "in_utc", "microseconds", "moment", "parse_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment by this machine."""
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until told to advance; for the demo, tests and drills."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a simulated clock needs a timezone-aware moment")
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The simulated moment."""
        return self._at

    def advance(self, to: datetime) -> None:
        """Move to a later moment.

        Raises:
            ValueError: `to` lies before the present simulated moment.
        """
        if to < self._at:
            raise ValueError(f"time does not go back: {to} is before {self._at}")
        self._at = to.astimezone(UTC)


def in_utc(at: datetime) -> datetime:
    """A moment in UTC; one without a zone is in it already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(us: int) -> datetime:
    """The inverse of `microseconds`."""
    from datetime import timedelta

    return _EPOCH + timedelta(microseconds=us)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is taken as UTC.

    Raises:
        ValueError: the text is neither.
    """
    return in_utc(datetime.fromisoformat(text))
