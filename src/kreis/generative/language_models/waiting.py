"""How long is waited, and by which clock: parameters, so that tests do not wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Deadline", "Pace", "retry_after"]


@dataclass(frozen=True)
class Pace:
    """The clock, the sleep and the chance of whoever tries again."""

    now: Callable[[], float] = time.monotonic
    """Seconds since any moment."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """From 0 to 1."""
    first_s: float = 0.5
    """The longest first pause; each further one is twice as long at most."""
    longest_s: float = 8.0

    def pause_s(self, attempt: int) -> float:
        """How long to wait after the nth attempt: exponential backoff with full jitter (Brooker 2015)."""
        return self.chance() * min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))


class Deadline:
    """A moment by which all must be done, shared by whoever works for it."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now, self._end = now, now() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 or less once it has passed."""
        return self._end - self._now()


def retry_after(headers: dict[str, str]) -> float | None:
    """Seconds that a reply asks to wait (RFC 9110, 10.2.3); None where it asks for nothing that can be read.

    Args:
        headers: By name in small letters. A moment is held against the reply's own `date`, so clocks need not agree.
    """
    from email.utils import parsedate_to_datetime

    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 8:
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None
