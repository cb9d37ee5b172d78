"""The prediction log's journal: every answer and outcome, appended to segment files before it is acknowledged.

A segment is the eight bytes `KREISPL1`, then frames: length (u32, little endian), CRC-32 of the payload (u32),
payload (MessagePack of a record). The segment in use is locked (flock) by the process that writes it; the lock
ends with the process, so a shipper tells a crashed segment from a live one without asking anyone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kreis.clock import Clock, microseconds
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.durable import fsync_directory, make_directory
from kreis.errors import StoreError
from kreis.identifiers import new_id

__all__ = ["HEADER", "MAGIC", "SUFFIX", "GroupSync", "Journal"]

MAGIC = b"KREISPL1"
HEADER = struct.Struct("<II")
SUFFIX = ".log"
_ENCODE = msgspec.msgpack.Encoder().encode


class Journal:
    """Appends records; one `write` system call for each call, so the record survives a crash of this process.

    Not for several threads at once: the server calls it from its event loop only.
    """

    def __init__(
        self, folder: Path, clock: Clock, *, segment_bytes: int = 16 * 1024 * 1024, segment_seconds: float = 300.0
    ) -> None:
        """Open a new segment in the folder, which is made where it is missing.

        Args:
            folder: holds the segments and nothing else.
            clock: names the segments and tells their age.
            segment_bytes: rotate once a segment is as large.
            segment_seconds: rotate once a segment is as old (looked at by `tick`).
        """
        self.folder = folder
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._segment_us = int(segment_seconds * 1e6)
        make_directory(folder)
        self.written = 0
        """Bytes handed to the operating system since the start."""
        self._open()

    def append(self, records: Sequence[PredictionRecord | OutcomeRecord]) -> None:
        """Hand records to the operating system, all or none of them.

        Raises:
            StoreError: the disk did not take them; the segment is cut back to whole records.
        """
        data = bytearray()
        for record in records:
            payload = _ENCODE(record)
            data += HEADER.pack(len(payload), zlib.crc32(payload))
            data += payload
        self._write(data)

    def append_one(self, record: PredictionRecord) -> None:
        """`append` of one record, on the hot path."""
        payload = _ENCODE(record)
        self._write(HEADER.pack(len(payload), zlib.crc32(payload)) + payload)

    def _write(self, data: bytes | bytearray) -> None:
        if self._size >= self._segment_bytes:
            with contextlib.suppress(StoreError):  # no room for a new segment: the old one may still take some
                self.rotate()
        try:
            written = os.write(self._handle, data)
        except OSError as error:
            raise StoreError(f"the prediction log takes no records: {error.strerror}", where=str(self.path)) from error
        if written != len(data):
            self._cut_back()
            raise StoreError("the prediction log's disk is full", where=str(self.path), hint="free some space")
        self._size += written
        self.written += written

    def _cut_back(self) -> None:
        os.ftruncate(self._handle, self._size)
        os.lseek(self._handle, self._size, os.SEEK_SET)

    def tick(self) -> None:
        """Rotate a segment that holds records and has grown old.

        Raises:
            StoreError: the disk takes no new segment; this one goes on.
        """
        if self._size > len(MAGIC) and microseconds(self._clock.now()) - self._opened_at >= self._segment_us:
            self.rotate()

    def rotate(self) -> Path | None:
        """Close the segment, so that it can be shipped, and go on in a new one.

        Returns:
            The closed segment; None where there was nothing in it.

        Raises:
            StoreError: the disk takes no new segment; this one goes on.
        """
        if self._size == len(MAGIC):
            return None
        closed, old = self.path, self._handle
        self._open()
        os.close(old)
        return closed

    def sync(self) -> None:
        """Force what has been written to disk. May run in another thread than `append`."""
        handle = os.dup(self._handle)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the segment on disk; an empty one is removed."""
        os.fsync(self._handle)
        if self._size == len(MAGIC):
            self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def _open(self) -> None:
        """Lock a new segment before any other process can see it under a segment's name."""
        now = self._clock.now()
        name = new_id(now)
        hidden = self.folder / f".{name}.new"
        handle = -1
        try:
            handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(handle, MAGIC)
            path = hidden.rename(self.folder / f"{name}{SUFFIX}")
            fsync_directory(self.folder)
        except OSError as error:
            if handle >= 0:
                os.close(handle)
            hidden.unlink(missing_ok=True)
            raise StoreError(f"no new segment: {error.strerror}", where=str(self.folder)) from error
        self.path = path
        self._handle = handle
        self._size = len(MAGIC)
        self._opened_at = microseconds(now)


class GroupSync:
    """One fsync for all who wait: durability "disk" at the cost of a few fsyncs for each batch of requests."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[asyncio.Future[None]] = []
        self._running: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once everything appended before this call is on disk.

        Raises:
            StoreError: the fsync failed; nothing may be acknowledged.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        if self._running is None:
            self._running = loop.create_task(self._run())
        await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: StoreError | None = None
            try:
                await loop.run_in_executor(None, self._journal.sync)
            except OSError as error:
                failure = StoreError(f"fsync failed: {error.strerror}", where=str(self._journal.folder))
            for future in group:
                if future.done():
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)
        self._running = None
