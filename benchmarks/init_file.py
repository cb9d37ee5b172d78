"""`kreis init --file` on a million rows of 30 columns, beside a bare read of the same file by Polars.

Both in processes of their own, in turn. CPU time is what is compared: wall time depends on what else the machine does.
Polars reads without dates here: with `try_parse_dates` its read of this file took 77 CPU seconds instead of 5.

    python benchmarks/init_file.py [--rows 1000000] [--pairs 3]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

BARE = "import polars, sys; print(polars.read_csv(sys.argv[1], infer_schema_length=None).shape)"
INIT = """
import sys
from kreis.cli.main import main
sys.argv = ["kreis", "init", sys.argv[2], "--file", sys.argv[1], "--predict", "y"]
main()
"""


def table(rows: int) -> pl.DataFrame:
    """Numbers, whole numbers, categories, an id, a moment, an outcome."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {f"x{each}": random.normal(size=rows).round(4) for each in range(14)}
    columns |= {f"i{each}": random.integers(0, 1_000, rows) for each in range(6)}
    names = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    columns |= {f"c{each}": names[random.integers(0, 5, rows)] for each in range(7)}
    columns["id"] = [f"K{each:08}" for each in range(rows)]
    columns["at"] = pl.Series(np.datetime64("2024-01-01", "ms") + np.arange(rows) * 30_000)
    columns["y"] = (random.normal(size=rows) + columns["x0"] > 1).astype(int)  # type: ignore[operator]
    return pl.DataFrame(columns)


def once(program: str, *arguments: str) -> tuple[float, float]:
    """Wall and CPU seconds of a process."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        table(options.rows).write_csv(file)
        print(f"{options.rows:,} rows x 30 columns, {file.stat().st_size / 1e6:.0f} MB")
        bare, init = [], []
        for pair in range(options.pairs):
            bare.append(once(BARE, str(file)))
            init.append(once(INIT, str(file), str(Path(folder) / f"project{pair}")))
        for name, runs in (("Polars, bare read", bare), ("kreis init --file", init)):
            wall, cpu = (median(each) for each in zip(*runs, strict=True))
            print(f"{name:20} {wall:6.2f} s, {cpu:6.2f} CPU s")
        ratio = median(each[1] for each in init) / median(each[1] for each in bare)
        print(f"ratio of CPU time {ratio:.2f}")


if __name__ == "__main__":
    main()
