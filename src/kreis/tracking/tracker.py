"""Writes what a run logs, behind the back of whoever logs: nothing here costs a training.

A call puts a record into memory; a thread brings what has gathered to disk twice a second. So a crash loses at most a
second of it. A disk that is full, gone or slow is told once, when the step or the run ends.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from kreis.durable import fsync_directory, make_directory
from kreis.errors import KreisWarning, StoreError
from kreis.texts import counted
from kreis.tracking import here
from kreis.tracking.points import SUFFIX, Lost, Record, Started, Used, header
from kreis.tracking.system import Usage

__all__ = ["Keeps", "Tracker"]

EVERY_S = 0.5
"""How often what has gathered goes to disk; what that takes is part of it."""
MOST = 1_000_000
"""Records that may wait; what comes on top is counted and dropped."""
_PATIENCE_S = 10.0
"""How long the end of a run waits for a disk that does not answer."""
RUN = 0


class Keeps(Protocol):
    """Where the bytes of artefacts go."""

    def put(self, data: bytes, /) -> str:
        """Store bytes durably; returns their digest."""
        ...


class Tracker:
    """What one run logs. Steps of it may compute in other threads, and in other processes: each writes its own file.

    Args:
        folder: Of all runs.
        run: The run's identifier.
        artifacts: Where artefacts are kept.
        owner: The process whose thread brings what has gathered to disk; this one if not given.
        name: Of the file: what is logged after the run has a file of its own.
    """

    def __init__(
        self, folder: Path, run: str, artifacts: Keeps, *, owner: int | None = None, name: str = "run"
    ) -> None:
        self.artifacts = artifacts
        self._folder, self._run = folder, run
        self._owner = os.getpid() if owner is None else owner
        self._writer = _Writer(folder / run, run, name, behind=self._owner == os.getpid())
        self._pid = os.getpid()
        self._began = time.perf_counter()
        self._usage = Usage()
        self._numbers: dict[str, int] = {}
        self._told = False

    def __reduce__(self) -> tuple[object, ...]:
        return _elsewhere, (self._folder, self._run, self.artifacts, self._owner)

    @contextmanager
    def step(self, key: str, discipline: str, name: str) -> Iterator[None]:
        """What is logged in the block, by this thread and by whom it gives work to, belongs to a step."""
        usage = Usage()
        with here.entered(here.Here(self, key, discipline, name)):
            try:
                yield
            finally:
                self.add(Used(self.number_of(key, discipline, name), *usage.since()))
        self._tell()

    def number_of(self, key: str, discipline: str, name: str) -> int:
        """What a step is called in this process's file; said there before it is used."""
        self._check_process()
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 1
            self.add(Started(number, key, discipline, name))
        return number

    def add(self, record: Record) -> None:
        """Keep a record; never fails."""
        self._check_process()
        self._writer.add(record)

    def seconds(self) -> float:
        """Since the run began."""
        return round(time.perf_counter() - self._began, 3)

    def warn(self, text: str) -> None:
        """Let a person know, when the step ends, of something that could not be kept; the first alone."""
        self._writer.problem = self._writer.problem or text

    def close(self) -> None:
        """Say what the run took of the machine, and bring all to disk."""
        self.add(Used(RUN, *self._usage.since()))
        self._writer.close()
        self._tell()

    def flush(self) -> None:
        """Bring what has gathered to disk now."""
        self._writer.flush()

    def _check_process(self) -> None:
        """A forked child has a file of its own, and no thread that writes."""
        pid = os.getpid()
        if pid != self._pid:
            self._pid = pid
            self._numbers = {}
            self._writer = _Writer(self._folder / self._run, self._run, _process_name(), behind=False)

    def _tell(self) -> None:
        problem = self._writer.problem
        if problem is None or self._told:
            return
        self._told = True
        with suppress(KreisWarning):  # where warnings are errors, it costs no training either
            warnings.warn(f"not all that the run logs is kept: {problem}", KreisWarning, stacklevel=2)


_ELSEWHERE: dict[tuple[Path, str], Tracker] = {}


def _elsewhere(folder: Path, run: str, artifacts: Keeps, owner: int) -> Tracker:
    """The tracker of a run in another process than the run's."""
    tracker = _ELSEWHERE.get((folder, run))
    if tracker is None:
        tracker = Tracker(folder, run, artifacts, owner=owner)
        tracker._writer = _Writer(folder / run, run, _process_name(), behind=False)
        _ELSEWHERE[folder, run] = tracker
    return tracker


def _process_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class _Writer:
    """One file of JSON lines: made when there is something to write, and only ever added to."""

    def __init__(self, folder: Path, run: str, name: str, *, behind: bool) -> None:
        self._folder, self._run, self._name = folder, run, name
        self._behind = behind
        self._waiting: deque[Record] = deque()  # added to by any thread, without a lock
        self._unwritten: list[Record] = []
        self._dropped = 0
        self._handle: int | None = None
        self._torn = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        self._encoder = msgspec.json.Encoder()

    def add(self, record: Record) -> None:
        if len(self._waiting) + len(self._unwritten) >= MOST:
            self._dropped += 1
            return
        self._waiting.append(record)
        if not self._behind:
            self.flush()
        elif self._thread is None:
            self._start()

    def flush(self) -> None:
        with self._lock:
            records, self._unwritten = self._unwritten, []
            records += (self._waiting.popleft() for _ in range(len(self._waiting)))
            if dropped := self._dropped:
                self._dropped = 0
                records.append(Lost(dropped))
                self.problem = (
                    self.problem or f"{counted(dropped, 'record')} came faster than {self._folder} takes them"
                )
            if not records:
                return
            try:
                self._write(self._encoder.encode_lines(records))
            except (OSError, StoreError) as error:
                self._torn = True
                self.problem = self.problem or f"{getattr(error, 'strerror', None) or error} ({self._folder})"
                self._unwritten = records  # tried again

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            if self._thread.is_alive():
                self.problem = self.problem or f"{self._folder} has not answered for {_PATIENCE_S:.0f} s"
                return
        self.flush()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_behind, name="kreis tracking", daemon=True)
                self._thread.start()

    def _run_behind(self) -> None:
        took = 0.0
        while not self._stop.wait(max(0.0, EVERY_S - took)):
            began = time.perf_counter()
            self.flush()
            took = time.perf_counter() - began

    def _write(self, lines: bytes) -> None:
        if self._handle is None:
            make_directory(self._folder)
            path = self._folder / f"{self._name}{SUFFIX}"
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            fsync_directory(self._folder)
            lines = (header(self._run) if not os.fstat(self._handle).st_size else b"") + lines
        view = memoryview(b"\n" + lines if self._torn else lines)
        while view:
            view = view[os.write(self._handle, view) :]
        os.fsync(self._handle)
        self._torn = False
