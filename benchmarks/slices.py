"""Slices of 200,000 x 30 in which a model does worse: the search, and Polars grouping by each pair of binned columns.

    python benchmarks/slices.py [rows] [columns]

Polars only sums up (rows, losses, squares of the same bins); what is kreis's alone (tails, tests, what is explained by
another slice, expected gaps) is not asked of it. Seconds of CPU, and the peak of memory of all together.
"""

from __future__ import annotations

import resource
import sys
import time
from itertools import combinations

import numpy as np
import polars as pl

from kreis.evaluation.slicing.columns import Column, number_column
from kreis.evaluation.slicing.search import search
from kreis.evaluation.slicing.sums import Loss


def by_pairs(columns: list[Column], losses: np.ndarray) -> int:
    """Each pair of columns grouped, as a user of Polars writes it."""
    frame = pl.DataFrame({each.name: each.binned(each.codes) for each in columns}).with_columns(loss=losses)
    sums = [pl.len(), pl.col("loss").sum(), (pl.col("loss") ** 2).sum().alias("squares")]
    return sum(frame.group_by(a.name, b.name).agg(sums).height for a, b in combinations(columns, 2))


def main(rows: int, count: int) -> None:
    rng = np.random.default_rng(0)
    before = rows * 4 // 5
    matrix = rng.normal(size=(rows + before, count))
    worse = (matrix[:, 0] < -1) * (matrix[:, 1] > 0)
    every = (rng.random(rows + before) < 0.15 + 0.1 * worse).astype(np.float64)
    losses, earlier = every[:rows], Loss.of(every[rows:], None)
    days = np.arange(rows) * 365 // rows
    begun = time.process_time()
    columns = [number_column(f"n{place}", matrix[:rows, place], 0.05, matrix[rows:, place]) for place in range(count)]
    print(f"{rows:,} x {count}: columns in bins {time.process_time() - begun:.2f} s")
    kinds = ("rows", None, None), ("rows, validation rows too", None, earlier), ("365 days", days, None)
    for said, blocks, others in kinds:
        begun = time.process_time()
        found = search(columns, Loss.of(losses, blocks), support=0.05, rate=0.1, most=5, least=30, before=others)
        taken = time.process_time() - begun
        print(f"kreis, blocks are {said}: {taken:.2f} s for {sum(found.looked_at):,} slices")
        for each in found.found:
            print(f"    {each.said()}: worse by {each.gap:.3f}, expected {each.expected:.3f}")
    begun = time.process_time()
    cells = by_pairs(columns, losses)
    print(f"Polars, each pair grouped: {time.process_time() - begun:.2f} s for {cells:,} cells")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [200_000, 30][len(given) :]))
