"""Appends rows to one table, one step each, and says so after each acknowledgement.

Usage: process_that_appends.py FOLDER WRITER COUNT [KILL_AT]. With KILL_AT it kills itself at that one of the
instants around the operations that a commit consists of.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from kreis.clock import SystemClock
from kreis.lake import commit
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

instants = 0


def kill_at(instant: int) -> None:
    """Kill this process before or after one of its operations on the disk or the ledger."""

    def watched(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            tick()
            result = operation(*arguments, **options)
            tick()
            return result

        return run

    def tick() -> None:
        global instants
        instants += 1
        if instants == instant:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("fsync", "link", "unlink"):
        setattr(os, name, watched(getattr(os, name)))
    commit.write_data_file = watched(commit.write_data_file)  # type: ignore[assignment]
    commit.add_table_version = watched(commit.add_table_version)
    commit._acknowledge = watched(commit._acknowledge)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main() -> None:
    folder, writer, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(folder / "lake", ledger)
        if len(sys.argv) > 4:
            kill_at(int(sys.argv[4]))
        for number in range(count):
            frame = pl.DataFrame({"writer": [writer], "n": [number]})
            lake.append("bronze/x", frame, step=f"{writer}-{number}", actor=writer, reason="test")
            say(f"{writer} {number}")
    say(f"done {instants}")


if __name__ == "__main__":
    main()
