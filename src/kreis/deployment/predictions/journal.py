"""The prediction log's journal: every answer and outcome, appended to segment files before it is acknowledged.

A segment is the eight bytes `KREISPL2`, then frames: length (u32, little endian), CRC-32 of the payload (u32),
payload (MessagePack of a record). The last frame closes it (`ClosingRecord`), so that a segment cut short at the end
of a frame is not taken for whole; `KREISPL1` segments have no such frame. The segment in use is locked (flock) by the
process that writes it; the lock ends with the process, so a shipper tells a crashed segment from a live one without
asking anyone. Each segment has a second name, `.twin` instead of `.log`: one that is removed is not lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kreis.clock import Clock, microseconds
from kreis.deployment.predictions.records import ClosingRecord, PredictionRecord, Record, WithdrawnRecord
from kreis.durable import fsync_directory, make_directory
from kreis.errors import StoreError
from kreis.identifiers import new_id

__all__ = ["HEADER", "MAGIC", "SUFFIX", "TWIN", "Journal"]

MAGIC = b"KREISPL2"
HEADER = struct.Struct("<II")
SUFFIX = ".log"
TWIN = ".twin"
_LOG = logging.getLogger("kreis.service")
_ENCODE = msgspec.msgpack.Encoder().encode


class Journal:
    """Appends records; one `write` system call for each call, so the record survives a crash of this process.

    Not for several threads at once: the server calls it from its event loop only.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        segment_bytes: int = 16 * 1024 * 1024,
        segment_seconds: float = 300.0,
        durable: bool = False,
    ) -> None:
        """Open a new segment in the folder, which is made where it is missing.

        Args:
            folder: holds the segments and nothing else.
            clock: names the segments and tells their age.
            segment_bytes: rotate once a segment is as large.
            segment_seconds: rotate once a segment is as old (looked at by `tick`).
            durable: force a segment to disk before it is closed.
        """
        self.folder = folder
        self.where = str(folder)
        self._durable = durable
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._segment_us = int(segment_seconds * 1e6)
        self._gate = threading.Lock()
        """Held while the segment in use changes, and while `sync` takes hold of it."""
        self._unsynced: OSError | None = None
        """Why a closed segment may not be on disk: whoever waits for it must not be answered."""
        make_directory(folder)
        self.written = 0
        """Bytes handed to the operating system since the start."""
        self._open()

    def append(self, records: Sequence[Record]) -> None:
        """Hand records to the operating system, all or none of them.

        Raises:
            StoreError: the disk did not take them; the segment is cut back to whole records.
        """
        data = bytearray()
        for record in records:
            data += _frame(record)
        self._write(data)
        self._records += len(records)

    def append_one(self, record: PredictionRecord) -> None:
        """`append` of one record, on the hot path."""
        payload = _ENCODE(record)
        self._write(HEADER.pack(len(payload), zlib.crc32(payload)) + payload)
        self._records += 1

    def _write(self, data: bytes | bytearray) -> None:
        if self._size >= self._segment_bytes:
            with contextlib.suppress(StoreError):  # no room for a new segment: the old one may still take some
                self.rotate()
        self._put(data)

    def _put(self, data: bytes | bytearray) -> None:
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
        size, records = self._size, self._records
        self._open()
        self._end(old, size, records)
        return closed

    def abandon(self, unkept: Sequence[str]) -> None:
        """Go on in a new segment: an fsync failed, after which the file system promises nothing about this one.

        Args:
            unkept: ids of the predictions that are refused for it; the log says that they were not given.
        """
        with contextlib.suppress(StoreError):
            if unkept:
                self._put(_frame(WithdrawnRecord(ids=list(unkept))))
                self._records += 1
            self.rotate()
        self._unsynced = None

    def _end(self, handle: int, size: int, records: int) -> None:
        """Write the closing frame and close; where the disk refuses, the segment stays without it, and says so."""
        try:
            os.write(handle, _frame(ClosingRecord(size=size, records=records)))
            if self._durable:
                os.fsync(handle)
        except OSError as error:
            self._unsynced = error
            _LOG.error("the closing of a segment of the prediction log failed: %s", error)
        finally:
            os.close(handle)

    def sync(self) -> None:
        """Force what has been written to disk. May run in another thread than `append`."""
        if self._unsynced is not None:
            raise self._unsynced
        with self._gate:
            handle = os.dup(self._handle)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the segment on disk; an empty one is removed."""
        if self._size == len(MAGIC):
            self.path.with_suffix(TWIN).unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
        else:
            self._durable = True
            self._end(self._handle, self._size, self._records)

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
            os.link(hidden, self.folder / f"{name}{TWIN}")
            path = hidden.rename(self.folder / f"{name}{SUFFIX}")
            fsync_directory(self.folder)
        except OSError as error:
            if handle >= 0:
                os.close(handle)
            hidden.unlink(missing_ok=True)
            (self.folder / f"{name}{TWIN}").unlink(missing_ok=True)
            raise StoreError(f"no new segment: {error.strerror}", where=str(self.folder)) from error
        self.path = path
        with self._gate:
            self._handle = handle
        self._size = len(MAGIC)
        self._records = 0
        self._opened_at = microseconds(now)


def _frame(record: Record | ClosingRecord) -> bytes:
    payload = _ENCODE(record)
    return HEADER.pack(len(payload), zlib.crc32(payload)) + payload
