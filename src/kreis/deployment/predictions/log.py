"""The prediction log as a seam: where answers and outcomes are written, and from where they are moved into the lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kreis.clock import Clock
from kreis.deployment.predictions.journal import SUFFIX, Journal
from kreis.deployment.predictions.reader import LARGEST_SEGMENT, in_use, parse_segment
from kreis.deployment.predictions.records import PredictionRecord, Record
from kreis.durable import read_regular
from kreis.places import files_holding

if TYPE_CHECKING:
    from kreis.deployment.predictions.shipping import Shipped, TableAppender

__all__ = ["FolderLog", "PredictionLog", "RecordWriter"]


class RecordWriter(Protocol):
    """Takes the records of one process. `Journal` is the one in a folder."""

    where: str
    """For messages."""
    written: int
    """Bytes handed over since the start."""

    def append(self, records: Sequence[Record]) -> None:
        """Take records, all or none of them; when it returns they survive a crash of this process.

        Raises:
            StoreError: they were not taken.
        """
        ...

    def append_one(self, record: PredictionRecord) -> None:
        """`append` of one record, on the hot path."""
        ...

    def tick(self) -> None:
        """Let what has grown old be moved into the lake. Called about once a second."""
        ...

    def rotate(self) -> object:
        """Let all that was taken be moved into the lake; None where there was nothing."""
        ...

    def sync(self) -> None:
        """When it returns, what was taken survives a crash of the machine. May run in another thread than `append`.

        Raises:
            OSError: that cannot be promised.
        """
        ...

    def abandon(self, unkept: Sequence[str]) -> None:
        """After a `sync` that failed: predictions of these ids were not given; the log says so."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


class PredictionLog(Protocol):
    """A place that the processes of a service write to, and that is emptied into the lake. The behaviour suite is
    `tests/deployment/test_prediction_log.py`.
    """

    where: str
    """For messages: what a person would look at."""

    def writer(
        self, clock: Clock, *, segment_bytes: int = ..., segment_seconds: float = ..., durable: bool = False
    ) -> RecordWriter:
        """A writer of its own for one process.

        Args:
            clock: Tells how old records are.
            segment_bytes: So much may wait before it can be moved.
            segment_seconds: So long may it wait.
            durable: Whether what can be moved is on disk before.
        """
        ...

    def in_use(self) -> bool:
        """Whether a process holds records back that can only be moved when it rotates."""
        ...

    def find(self, prediction: str) -> PredictionRecord | None:
        """A prediction that has not been moved yet, by its id."""
        ...

    def ship(self, lake: TableAppender, actor: str) -> Shipped:
        """Move all that can be moved into the lake, each record once, whatever was cut off before.

        Raises:
            StoreError: the lake did not take it; everything stays for the next call.
        """
        ...

    def inspect(self) -> Iterator[tuple[str, str]]:
        """What is damaged or gone: where, and the problem. Changes nothing."""
        ...

    def holding(self, value: str) -> list[str]:
        """Where the bytes of what was not moved, or was set aside, hold a value."""
        ...

    def forget(self, value: str) -> None:
        """Remove what was set aside and holds a value: its whole records are in the lake."""
        ...


class FolderLog:
    """A `PredictionLog` in a folder of segments (`kreis.deployment.predictions.journal`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = str(folder)

    def writer(
        self,
        clock: Clock,
        *,
        segment_bytes: int = 16 * 1024 * 1024,
        segment_seconds: float = 300.0,
        durable: bool = False,
    ) -> Journal:
        """A segment of its own; see `PredictionLog.writer`."""
        return Journal(
            self._folder, clock, segment_bytes=segment_bytes, segment_seconds=segment_seconds, durable=durable
        )

    def in_use(self) -> bool:
        """Whether a process writes to a segment that holds something."""
        return in_use(self._folder)

    def find(self, prediction: str) -> PredictionRecord | None:
        """A prediction that has not been moved yet; see `PredictionLog.find`."""
        named = prediction.encode("utf-8", "replace")
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                data = read_regular(path, LARGEST_SEGMENT)
            except FileNotFoundError:  # it was moved meanwhile
                continue
            if named in data and (found := [r for r in parse_segment(path, data).predictions if r.id == prediction]):
                return found[0]
        return None

    def ship(self, lake: TableAppender, actor: str) -> Shipped:
        """Move closed segments; see `kreis.deployment.predictions.shipping.ship`."""
        from kreis.deployment.predictions.shipping import ship

        return ship(self._folder, lake, actor)

    def inspect(self) -> Iterator[tuple[str, str]]:
        """What is wrong with segments and plan; see `PredictionLog.inspect`."""
        from kreis.deployment.predictions.shipping import inspect_log

        for path, what in inspect_log(self._folder):
            yield str(path), what

    def holding(self, value: str) -> list[str]:
        """Files whose bytes hold a value."""
        return [str(path) for path in files_holding(self._folder, value)]

    def forget(self, value: str) -> None:
        """Remove segments that were set aside; see `PredictionLog.forget`."""
        for path in files_holding(self._folder, value):
            if path.name.endswith(".damaged"):
                path.unlink()
