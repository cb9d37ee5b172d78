"""A circuit breaker: an endpoint that is not well is left alone for a while (Nygard, Release It!, 2007)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

__all__ = ["Breaker"]


class Breaker:
    """Closed: all pass. Open after some failures in a row: nobody passes. Half open after a pause: one tries; if that
    works, it closes; if not, it is open for twice as long.

    Whoever was let in says how it went, once: `succeeded`, `failed` or `gave_up`.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause_s: float = 5.0,
        longest_s: float = 120.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._first_s, self._longest_s, self._now = failures, pause_s, longest_s, now
        self._failures, self._pause_s, self._until, self._trying = 0, pause_s, 0.0, False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """As it is now."""
        if self._failures < self._most:
            return "closed"
        return "open" if self._now() < self._until else "half-open"

    def enter(self) -> float | None:
        """Ask to pass.

        Returns:
            None: go on. A number: do not, for so many seconds.
        """
        state = self.state
        if state == "closed":
            return None
        if state == "open" or self._trying:
            return max(self._until - self._now(), 0.1)
        self._trying = True
        return None

    def succeeded(self) -> None:
        """It answered."""
        self._failures, self._pause_s, self._trying = 0, self._first_s, False

    def failed(self) -> None:
        """It is not well."""
        was = self._failures
        self._failures += 1
        if self._failures < self._most:
            return
        if was >= self._most and self._trying:
            self._pause_s = min(self._pause_s * 2, self._longest_s)
        if was < self._most or self._trying:
            self._until = self._now() + self._pause_s
        self._trying = False

    def gave_up(self) -> None:
        """Whoever asked stopped waiting: that says nothing."""
        self._trying = False
