"""Reads the journal's segments; tells a torn tail (a crash in mid-write) from damage (bytes that changed)."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kreis.deployment.predictions.journal import HEADER, MAGIC, SUFFIX, TWIN
from kreis.deployment.predictions.records import (
    ClosingRecord,
    FailureRecord,
    OutcomeRecord,
    PredictionRecord,
    WithdrawnRecord,
)
from kreis.durable import read_regular
from kreis.errors import CorruptionError

__all__ = [
    "LARGEST_SEGMENT",
    "NOT_CLOSED",
    "Segment",
    "closed_segments",
    "in_use",
    "inspect_journal",
    "parse_segment",
]

_DECODER = msgspec.msgpack.Decoder(PredictionRecord | OutcomeRecord | FailureRecord | WithdrawnRecord | ClosingRecord)
_WITHOUT_CLOSING = b"KREISPL1"
"""Segments of versions before 0.2 have no closing frame."""
_PAYLOAD = re.compile(rb"(?:[\x90-\x9f]|\xdc..)\xa1[poxfe]", re.DOTALL)
"""How every payload begins: a MessagePack array whose first item is the record's tag."""
NOT_CLOSED = "it has no closing frame: the service was killed, or the end of the file is cut off"
LARGEST_SEGMENT = 1024 * 1024 * 1024
"""Bytes. A segment is closed at 16 MiB; what is much larger is none."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The whole records of one segment, in the order they were acknowledged, and what is wrong with the rest."""

    path: Path
    predictions: list[PredictionRecord]
    outcomes: list[OutcomeRecord]
    failures: list[FailureRecord]
    torn: int
    """Bytes of an unfinished last write: never acknowledged, dropped."""
    closed: bool
    """Whether it ends as its writer ended it; where not, the writer was killed, or the end is cut off."""
    damage: str | None
    """What differs from what was written, with the place of the first difference; None where nothing does."""


def parse_segment(path: Path, data: bytes) -> Segment:
    """The records of a segment's bytes. Damage costs only the records that it hits: those behind it are found again."""
    found: dict[type, list[object]] = {each: [] for each in (PredictionRecord, OutcomeRecord, FailureRecord)}
    withdrawn: set[str] = set()
    damage, torn, closed, frames, offset = None, 0, False, 0, len(MAGIC)
    if data[: len(MAGIC)] not in (MAGIC, _WITHOUT_CLOSING):
        if MAGIC.startswith(data) or _WITHOUT_CLOSING.startswith(data):
            offset, torn = len(data), len(data)
        else:
            later = (
                len(data) >= len(MAGIC) and data.startswith(MAGIC[:-1]) and data[len(MAGIC) - 1 : len(MAGIC)].isdigit()
            )
            what = "a prediction log of a later kreis, or a damaged head" if later else "no prediction log"
            damage = f"{what} at byte 0"
    while offset < len(data):
        record, end, wrong = _read(data, offset)
        if record is None:
            following = _next_frame(data, offset)
            if following is None and wrong is None:
                torn = len(data) - offset
                break
            damage = damage or f"{wrong or 'the length of a frame has changed'} at byte {offset}"
            if following is None:
                break
            offset = following
            continue
        if isinstance(record, ClosingRecord):
            closed = True
            if (record.size, record.records) != (offset, frames) or end != len(data):
                damage = damage or f"it does not hold what its last frame says, at byte {offset}"
        elif isinstance(record, WithdrawnRecord):
            withdrawn.update(record.ids)
        else:
            found[type(record)].append(record)
        frames += 1
        offset = end
    predictions: list[PredictionRecord] = found[PredictionRecord]  # type: ignore[assignment]
    return Segment(
        path=path,
        predictions=[each for each in predictions if each.id not in withdrawn] if withdrawn else predictions,
        outcomes=found[OutcomeRecord],  # type: ignore[arg-type]
        failures=found[FailureRecord],  # type: ignore[arg-type]
        torn=torn,
        closed=closed or (data.startswith(_WITHOUT_CLOSING) and not torn),
        damage=damage,
    )


def _read(data: bytes, offset: int) -> tuple[msgspec.Struct | None, int, str | None]:
    """The record at an offset, where it ends, and what is wrong; neither record nor wrong where the bytes end first."""
    start = offset + HEADER.size
    if start > len(data):
        return None, offset, None
    length, crc = HEADER.unpack_from(data, offset)
    end = start + length
    if end > len(data):
        # A torn write, unless its length is what was changed: then the rest matches the checksum as it stands.
        rest = memoryview(data)[start:]
        return None, offset, "the length of a frame has changed" if len(rest) and zlib.crc32(rest) == crc else None
    payload = memoryview(data)[start:end]
    if zlib.crc32(payload) != crc:
        return None, offset, "the checksum of a frame does not match"
    try:
        return _DECODER.decode(payload), end, None
    except msgspec.MsgspecError as error:
        return None, offset, f"a frame is not a record ({error})"


def _next_frame(data: bytes, offset: int) -> int | None:
    """Where the next whole frame begins, behind one that is not."""
    for match in _PAYLOAD.finditer(data, offset + 1 + HEADER.size):
        start = match.start() - HEADER.size
        if _read(data, start)[0] is not None:
            return start
    return None


@contextmanager
def closed_segments(folder: Path, limit: int, limit_bytes: int) -> Iterator[list[Path]]:
    """Lock some segments that no process writes to any more, oldest first, while the block runs.

    Args:
        folder: The journal's.
        limit: How many at most.
        limit_bytes: How large they may be together; one is given out however large it is.
    """
    handles: list[int] = []
    paths: list[Path] = []
    size = 0
    try:
        for path in sorted(folder.glob(f"[0-9a-f]*{SUFFIX}")):
            if len(paths) == limit:
                break
            handle = lock_closed(path)
            if handle is None:
                continue
            handles.append(handle)
            size += os.fstat(handle).st_size
            if paths and size > limit_bytes:
                break
            paths.append(path)
        yield paths
    finally:
        for handle in handles:
            os.close(handle)


def lock_closed(path: Path) -> int | None:
    """A handle that keeps others off; None while a process writes to it, or where it is gone. No pipe is waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def in_use(folder: Path) -> bool:
    """Whether a process writes to a segment that holds something."""
    for path in folder.glob(f"[0-9a-f]*{SUFFIX}"):
        handle = lock_closed(path)
        if handle is not None:
            os.close(handle)
        elif path.exists() and path.stat().st_size > len(MAGIC):
            return True
    return False


def inspect_journal(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is damaged, cut off or gone in a journal's folder: path and problem. Changes nothing.

    Segments that a process writes to are left out: they are not finished. Files that a shipper has set aside are
    named as long as they are there.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.glob(f"[0-9a-f]*{SUFFIX}")):
        handle = lock_closed(path)
        if handle is None:
            continue
        os.close(handle)
        try:
            segment = parse_segment(path, read_regular(path, LARGEST_SEGMENT))
        except CorruptionError as error:
            yield path, error.message
            continue
        if segment.damage is not None:
            yield path, segment.damage
        elif not segment.closed:
            yield path, NOT_CLOSED
    for twin in sorted(folder.glob(f"*{TWIN}")):
        if not twin.with_suffix(SUFFIX).exists() and not twin.with_name(f".{twin.stem}.new").exists():
            yield twin.with_suffix(SUFFIX), "it is gone; `kreis watch` restores it from its second name"
    for aside in sorted(folder.glob("*.damaged*")):
        yield aside, "damaged, and set aside by `kreis watch`; its whole records are in the lake"
