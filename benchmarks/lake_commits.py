"""What a table of many commits costs to open, to append to, and to read: with kreis, deltalake and DuckDB.

Run: python benchmarks/lake_commits.py [COMMITS] [FOLDER]. The commits are kreis's own: each one is composed, recorded
and published by the code that an append runs, in one process, with the waiting for the disk left out and many of them
in one ledger transaction; all name their own file, of which every one is there (twenty rows each, two shapes of bytes
by hard links). DuckDB is asked where `duckdb` and its `delta` extension are installed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl

from kreis.clock import SystemClock
from kreis.lake.folder import FolderStorage
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, compose
from kreis.lake.state import TableState, advance, following
from kreis.lake.store import Lake
from kreis.ledger.records import LakeFile
from kreis.ledger.store import Ledger, open_ledger
from kreis.ledger.tables import add_table_version

TABLE = "log/predictions"
TOGETHER = 1000
APPENDS = 40


def small(number: int) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"{number}-{each}" for each in range(20)], "score": [number / 7] * 20})


def make(folder: Path, commits: int) -> None:
    """A table of so many commits of one small file each."""
    storage = FolderStorage(folder / "lake")
    table = TableFolder(storage, TABLE)
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(storage, ledger)
        lake.append(TABLE, small(0), step="0", actor="benchmark", reason="benchmark", known_until=ledger.clock.now())
        first = lake.latest(TABLE)
        assert first is not None
        with ledger.read() as connection:
            state = lake._states.newest(connection, table)
        assert state is not None
        source = folder / "lake" / TABLE / first.added[0].path
        while state.version.version + 1 < commits:
            state = more(ledger, table, state, source, min(TOGETHER, commits - 1 - state.version.version))
            lake._note(table, state)
            state = lake._states._newest[TABLE]


def more(ledger: Ledger, table: TableFolder, state: TableState, source: Path, count: int) -> TableState:
    """So many commits more, recorded together."""
    folder, first, at = source.parent, state.files[0].file, ledger.clock.now()
    with ledger.record(event="benchmark.commits", subject=TABLE, actor="benchmark", reason="many at once") as tx:
        for number in range(state.version.version + 1, state.version.version + 1 + count):
            name = f"{number:08}-{os.urandom(8).hex()}.parquet"
            os.link(source, folder / name)
            file = LakeFile(path=name, sha256=first.sha256, size=first.size, rows=first.rows)
            commit = Commit(added=[file], step=str(number), known_until=at)
            text = compose(commit, at=at, first=False)
            (folder / "_delta_log" / f"{number:020}.json").write_text(text)
            version = following(state, TABLE, commit, text, step=str(number), at=at)
            add_table_version(tx, version)
            state = advance(state, [version])
    return state


class Timer:
    """Wall and CPU milliseconds of each call, by name."""

    def __init__(self) -> None:
        self.took: dict[str, list[tuple[float, float]]] = {}

    def measure(self, name: str, call: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        cpu = time.process_time() - cpu
        self.took.setdefault(name, []).append((1e3 * (time.perf_counter() - wall), 1e3 * cpu))

    def report(self) -> None:
        for name, took in self.took.items():
            wall, cpu = (statistics.median(each) for each in zip(*took, strict=True))
            print(f"  {name:40} {wall:9.1f} ms   CPU {cpu:8.1f} ms   (median of {len(took)})")


def measure(folder: Path) -> None:
    """In a process of its own: open, append, read the end. A new table of its own takes turns, for comparison."""
    timer = Timer()
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(folder / "lake", ledger)
        lake.append("log/new", small(0), step=f"{os.getpid()}", actor="b", reason="b")

        def opened() -> None:
            lake.latest(TABLE)
            lake.schema(TABLE)

        timer.measure("open it", opened)
        for number in range(APPENDS):
            step, frame, at = f"{os.getpid()} {number}", small(number), ledger.clock.now()
            for table, name in ((TABLE, "append 20 rows to it"), ("log/new", "append 20 rows to a new table")):
                append = partial(lake.append, table, frame, step=step, actor="b", reason="b", known_until=at)
                timer.measure(name, append)
        since = ledger.clock.now() - timedelta(seconds=10)
        timer.measure("scan its newest ten seconds", lambda: lake.scan(TABLE, known_since=since).collect())
        latest = lake.latest(TABLE)
    timer.report()
    print(f"  ({0 if latest is None else latest.version + 1:,} commits now)")


_DELTALAKE = """
import sys, time
from deltalake import DeltaTable
begin = time.perf_counter()
table = DeltaTable(sys.argv[1])
files = len(table.file_uris())
took = 1e3 * (time.perf_counter() - begin)
print(f"  deltalake opens it {took:37.1f} ms   (version {table.version():,}, {files:,} files)")
"""
_DUCKDB = """
import importlib.util, sys, time
from pathlib import Path
if importlib.util.find_spec("duckdb") is None:
    sys.exit("  DuckDB is not installed")
import duckdb
try:
    spec = importlib.util.find_spec("duckdb_extension_delta")
    found = sorted(Path(spec.origin).parent.rglob("*.duckdb_extension*")) if spec else []
    duckdb.sql(f"load '{found[0]}'" if found else "load delta")
except Exception as error:
    sys.exit(f"  DuckDB has no delta extension here ({error})")
begin = time.perf_counter()
rows = duckdb.sql(f"select count(*) from delta_scan('{sys.argv[1]}')").fetchone()[0]
print(f"  DuckDB counts its rows {1e3 * (time.perf_counter() - begin):27.1f} ms   ({rows:,} rows)")
"""


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
        return
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        begin = time.perf_counter()
        make(folder, commits)
        print(f"a table of {commits:,} commits, made in {time.perf_counter() - begin:.0f} s")
        for _ in range(3):
            subprocess.run([sys.executable, __file__, "--measure", str(folder)], check=True)
        table = str(folder / "lake" / TABLE)
        subprocess.run([sys.executable, "-c", _DELTALAKE, table], check=True)
        subprocess.run([os.environ.get("DUCKDB_PYTHON", sys.executable), "-c", _DUCKDB, table], check=False)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
