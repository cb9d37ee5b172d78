"""Requests that ended in a server error, for the log: those of about a second together, so an outage costs little."""

from __future__ import annotations

from kreis.deployment.predictions.log import RecordWriter
from kreis.deployment.predictions.records import FailureRecord

__all__ = ["Failures"]


class Failures:
    """Counts until `write`, which is called once a second; what the disk does not take is tried again."""

    def __init__(self, journal: RecordWriter) -> None:
        self._journal = journal
        self._waiting: dict[tuple[str, int, str], tuple[int, int]] = {}

    def count(self, route: str, status: int, code: str, at_us: int, count: int = 1) -> None:
        """Count one or some; `at_us` is microseconds since 1970 UTC."""
        first, before = self._waiting.get((route, status, code), (at_us, 0))
        self._waiting[route, status, code] = first, before + count

    def write(self) -> None:
        """Hand what has been counted to the journal.

        Raises:
            StoreError: the disk did not take it; it is kept.
        """
        if self._waiting:
            self._journal.append(
                [
                    FailureRecord(at=first, route=route, status=status, code=code, count=count)
                    for (route, status, code), (first, count) in self._waiting.items()
                ]
            )
            self._waiting.clear()
