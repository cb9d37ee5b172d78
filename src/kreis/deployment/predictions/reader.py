"""Reads the journal's segments; tells a torn tail (a crash in mid-write) from corruption (bytes that changed)."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kreis.deployment.predictions.journal import HEADER, MAGIC, SUFFIX
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.errors import CorruptionError

__all__ = ["Segment", "closed_segments", "parse_segment", "read_segment"]

_DECODER = msgspec.msgpack.Decoder(PredictionRecord | OutcomeRecord)
_LARGEST = 64 * 1024 * 1024


class Segment(msgspec.Struct, frozen=True):
    """The records of one segment, in the order they were acknowledged."""

    path: Path
    predictions: list[PredictionRecord]
    outcomes: list[OutcomeRecord]
    torn: int
    """Bytes of an unfinished last write: never acknowledged, dropped."""


def read_segment(path: Path) -> Segment:
    """Read a segment file.

    Raises:
        CorruptionError: bytes differ from what was written; names the file and the offset.
    """
    return parse_segment(path, path.read_bytes())


def parse_segment(path: Path, data: bytes) -> Segment:
    """As `read_segment`, of bytes already read."""
    if data[: len(MAGIC)] != MAGIC:
        if MAGIC.startswith(data):
            return Segment(path, [], [], len(data))
        later = len(data) >= len(MAGIC) and data.startswith(MAGIC[:-1]) and data[len(MAGIC) - 1 : len(MAGIC)].isdigit()
        raise _corrupt(
            path, 0, "a prediction log of a later kreis, or a damaged head" if later else "no prediction log"
        )
    predictions: list[PredictionRecord] = []
    outcomes: list[OutcomeRecord] = []
    offset, end = len(MAGIC), len(data)
    while offset < end:
        payload = _frame(data, offset)
        if payload is None:
            _check_torn(path, data, offset)
            break
        length, crc = HEADER.unpack_from(data, offset)
        if zlib.crc32(payload) != crc:
            raise _corrupt(path, offset, "a frame's checksum does not match")
        try:
            record = _DECODER.decode(payload)
        except msgspec.MsgspecError as error:
            raise _corrupt(path, offset, f"a frame is no record ({error})") from error
        if isinstance(record, PredictionRecord):
            predictions.append(record)
        else:
            outcomes.append(record)
        offset += HEADER.size + length
    return Segment(path, predictions, outcomes, end - offset)


def _frame(data: bytes, offset: int) -> bytes | None:
    """The payload at an offset; None where the bytes end before it does."""
    start = offset + HEADER.size
    if start > len(data):
        return None
    length, _ = HEADER.unpack_from(data, offset)
    return data[start : start + length] if start + length <= len(data) else None


def _check_torn(path: Path, data: bytes, offset: int) -> None:
    """A last frame longer than the file is a torn write, unless its length is what was changed.

    It was, if the rest matches the frame's checksum as it stands, or a whole frame follows somewhere.

    Raises:
        CorruptionError: acknowledged records lie behind a changed length.
    """
    rest = memoryview(data)[offset:]
    if len(rest) <= HEADER.size:
        return
    if zlib.crc32(rest[HEADER.size :]) == HEADER.unpack_from(rest)[1]:
        raise _corrupt(path, offset, "a frame's length has changed")
    for start in range(1, len(rest) - HEADER.size):
        length, crc = HEADER.unpack_from(rest, start)
        stop = start + HEADER.size + length
        if 0 < length <= _LARGEST and stop <= len(rest) and zlib.crc32(rest[start + HEADER.size : stop]) == crc:
            raise _corrupt(path, offset, "a frame's length has changed")


def _corrupt(path: Path, offset: int, what: str) -> CorruptionError:
    return CorruptionError(
        f"{what} at byte {offset}",
        where=str(path),
        hint="keep the file; the records before that byte are whole: `parse_segment(path, data[:offset])`",
    )


@contextmanager
def closed_segments(folder: Path, limit: int) -> Iterator[list[Path]]:
    """Lock up to `limit` segments that no process writes to any more, oldest first, while the block runs."""
    handles: list[int] = []
    paths: list[Path] = []
    try:
        for path in sorted(folder.glob(f"[0-9a-f]*{SUFFIX}")):
            if len(paths) == limit:
                break
            try:
                handles.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                fcntl.flock(handles[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (FileNotFoundError, BlockingIOError):
                continue
            paths.append(path)
        yield paths
    finally:
        for handle in handles:
            os.close(handle)
