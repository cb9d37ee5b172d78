"""What a run logs, as it lies on disk: a folder for each run, in it a file of JSON lines for each process that wrote.

The first line of a file says its format; every other line is one of the records below, written by position. Lines are
only ever added. A line that was cut off by a crash, or that this version does not know, is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from kreis.durable import read_regular, storing
from kreis.errors import StoreError

__all__ = ["FORMAT", "Artefact", "Logged", "Lost", "Params", "Point", "Record", "Started", "Used", "header", "read_run"]

FORMAT = "kreis.points/1"
_LARGEST = 1 << 32
SUFFIX = ".jsonl"


class Started(msgspec.Struct, frozen=True, array_like=True, tag="step"):
    """A step that logs from here on; the records of this file name it by `number`. 0 is the run itself."""

    number: int
    key: str
    discipline: str
    name: str


class Point(msgspec.Struct, frozen=True, array_like=True, tag="point", gc=False):
    """Numbers at one place of their series. One that is not finite is null."""

    number: int
    part: str
    """Of the step: "fit", "refit", a trial of a search; empty for all of it."""
    step: float | None
    """Null: the next."""
    seconds: float
    """Since the run began."""
    values: dict[str, float | None]


class Params(msgspec.Struct, frozen=True, array_like=True, tag="params"):
    """What a step was done with, by name; JSON."""

    number: int
    values: dict[str, Any]


class Artefact(msgspec.Struct, frozen=True, array_like=True, tag="artefact"):
    """Bytes that a step kept in the artifact store."""

    number: int
    name: str
    digest: str
    size: int


class Used(msgspec.Struct, frozen=True, array_like=True, tag="used"):
    """What a step, or the run, took of the machine."""

    number: int
    seconds: float
    cpu_seconds: float
    """Of all threads, and of processes that have ended."""
    memory_mb: float
    """The most that the process had held until then."""


class Lost(msgspec.Struct, frozen=True, array_like=True, tag="lost"):
    """Records that could not be kept, because too many waited to be written."""

    records: int


Record = Started | Point | Params | Artefact | Used | Lost


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    run: str


class Logged(msgspec.Struct, kw_only=True):
    """All that one process logged of a run."""

    steps: dict[int, Started] = {}
    records: list[Point | Params | Artefact | Used] = []
    unreadable: int = 0
    """Lines that were cut off or that this version does not know."""
    lost: int = 0


def header(run: str) -> bytes:
    """The first line of a file."""
    return msgspec.json.encode(_Header(format=FORMAT, run=run)) + b"\n"


def read_run(folder: Path) -> Iterator[Logged]:
    """What each process logged of the run whose folder this is; nothing where none did.

    Raises:
        StoreError: a file cannot be read, or is of another format.
    """
    with storing(f"what a run logged, in {folder}"):
        files = sorted(folder.glob(f"*{SUFFIX}"))
        for path in files:
            yield _read(path, read_regular(path, _LARGEST))


def _read(path: Path, data: bytes) -> Logged:
    first, *lines = data.split(b"\n")
    found = Logged()
    if not lines:  # cut off before its first line was whole
        found.unreadable = 1
        return found
    try:
        said = msgspec.json.decode(first, type=_Header)
    except msgspec.DecodeError:
        found.unreadable = 1
    else:
        if said.format != FORMAT:
            raise StoreError(
                f"it is of the format {said.format}; this kreis reads {FORMAT}",
                where=str(path),
                hint="read it with the version of kreis that wrote it, or a later one",
            )
    decode = msgspec.json.Decoder(Record).decode
    for line in lines:
        if not line:
            continue
        try:
            record = decode(line)
        except msgspec.DecodeError:
            found.unreadable += 1
            continue
        if isinstance(record, Started):
            found.steps[record.number] = record
        elif isinstance(record, Lost):
            found.lost += record.records
        else:
            found.records.append(record)
    return found
