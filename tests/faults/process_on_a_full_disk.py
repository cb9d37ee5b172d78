"""Writes to the lake and the artifacts of a small disk that fills up, then of a read-only one. Usage: FOLDER.

Runs as root of its own mount namespace; FOLDER is a tmpfs. Prints how often a write was refused and how often
it went through while space was short; anything that breaks a promise is an AssertionError.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl

from kreis.artifacts.folder import ArtifactFolder
from kreis.clock import SystemClock
from kreis.errors import StoreError
from kreis.lake.store import Lake
from kreis.ledger.store import Ledger, open_ledger

TABLE = "bronze/x"
FREE = [*range(0, 48, 2), *range(48, 200, 8)]
"""KiB left free when a write is tried."""


def frame(number: int) -> pl.DataFrame:
    """About 24 KiB on disk, as the numbers do not compress."""
    values = pl.int_range(3_000, eager=True).hash(seed=number).reinterpret(signed=True)
    return pl.DataFrame({"n": number, "x": values}, schema_overrides={"n": pl.Int64})


def fill(folder: Path, *, leave: int) -> Path:
    """A file that takes all space but `leave` bytes."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - leave))
    return ballast


def holds(lake: Lake, expected: list[int]) -> None:
    found = lake.scan(TABLE).select(pl.col("n").unique(maintain_order=True)).collect()["n"].to_list()
    assert found == expected, f"{found} instead of {expected}"


def try_to(write: Callable[[], object]) -> bool:
    try:
        write()
    except StoreError:
        return False
    return True


def shortage(folder: Path, ledger: Ledger, lake: Lake, artifacts: ArtifactFolder) -> tuple[list[int], int]:
    there, refused = [0], 0
    lake.append(TABLE, frame(0), step="0", actor="ann", reason="test")
    for number, leave in enumerate(FREE, start=1):
        ballast = fill(folder, leave=leave * 1024)
        stored = try_to(lambda n=number: artifacts.put(bytes([n]) * 20_000))  # type: ignore[misc]
        done = try_to(lambda n=number: lake.append(TABLE, frame(n), step=str(n), actor="ann", reason="test"))  # type: ignore[misc]
        refused += not done
        there += [number] if done else []
        holds(lake, there)
        holds(Lake(folder / "lake", ledger), there)
        ballast.unlink()
        assert not stored or not artifacts.check()
        if number % 5 == 0 and not done:
            lake.append(TABLE, frame(number), step=str(number), actor="ann", reason="test")
            there.append(number)
        holds(Lake(folder / "lake", ledger), there)
    assert lake.repair().ok
    assert lake.check(deep=True).findings == []
    assert not [problem for problem in artifacts.check() if problem.kind == "corrupt"]
    return there, refused


def read_only(folder: Path, ledger: Ledger, there: list[int]) -> None:
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder / "lake")], check=True)
    lake = Lake(folder / "lake", ledger)
    holds(lake, there)
    assert lake.check(deep=True).ok
    assert not try_to(lambda: lake.append(TABLE, frame(99), step="99", actor="ann", reason="test"))
    assert not try_to(lambda: lake.append("gold/new", frame(99), step="99", actor="ann", reason="test"))
    holds(lake, there)
    subprocess.run(["mount", "-o", "remount,rw,bind", str(folder / "lake")], check=True)
    lake.append(TABLE, frame(99), step="99", actor="ann", reason="test")
    holds(lake, [*there, 99])


def main() -> None:
    folder = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], check=True)
    (folder / "lake").mkdir()
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(folder / "lake", ledger)
        there, refused = shortage(folder, ledger, lake, ArtifactFolder(folder / "artifacts"))
        os.write(1, f"refused {refused} of {len(FREE)}\n".encode())
        subprocess.run(["mount", "--bind", str(folder / "lake"), str(folder / "lake")], check=True)
        read_only(folder, ledger, there)


if __name__ == "__main__":
    main()
