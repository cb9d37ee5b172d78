"""Drift of 1,000,000 x 20 against 1,000,000 x 20: kreis's histograms and exact Kolmogorov-Smirnov by sorting.

    python benchmarks/drift.py [rows]

kreis is shown both ways: counting both sides (what the others do), and counting only the current side, which is
what its monitor does, since the package brings the reference's histogram. Quoted and not run: Evidently 0.7.23
with its default preset took 134 s and 1,937 MB for the same shape (November 2026, 2 cores, Python 3.11).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from kreis.monitoring.divergence import stability
from kreis.monitoring.histogram_counts import count_columns, count_into
from kreis.training.reference import quantile_edges

COLUMNS, ROUNDS = 20, 3


def with_kreis(reference: np.ndarray, current: np.ndarray) -> list[float]:
    """Edges from the reference's first 100,000 rows, both sides counted, the corrected index."""
    edges = [quantile_edges(column) for column in reference[:100_000].T]
    sides = zip(count_columns(reference, edges), count_columns(current, edges), strict=True)
    return [stability(before, now[None]).psi for before, now in sides]


def with_kreis_live(edges: list[np.ndarray], counted: list[np.ndarray], current: np.ndarray) -> list[float]:
    """As the monitor does: the reference is counted already."""
    now = count_columns(current, edges)
    return [stability(before, each[None]).psi for before, each in zip(counted, now, strict=True)]


def by_search(reference: np.ndarray, current: np.ndarray) -> list[float]:
    """Histograms as NumPy users write them: searchsorted and bincount."""
    found = []
    for a, b in zip(reference.T, current.T, strict=True):
        edges = quantile_edges(a[:100_000])
        before, now = (
            np.bincount(np.searchsorted(edges, np.ascontiguousarray(each)), minlength=len(edges) + 1) for each in (a, b)
        )
        found.append(stability(before, now[None]).psi)
    return found


def exact_ks(reference: np.ndarray, current: np.ndarray) -> list[float]:
    """The two-sample Kolmogorov-Smirnov statistic of each column, by sorting."""
    found = []
    for a, b in zip(reference.T, current.T, strict=True):
        first, second = np.sort(a), np.sort(b)
        both = np.concatenate([first, second])
        gap = np.searchsorted(first, both, side="right") / len(first)
        found.append(float(np.abs(gap - np.searchsorted(second, both, side="right") / len(second)).max()))
    return found


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=(rows, COLUMNS)), rng.normal(size=(rows, COLUMNS))
    current[:, 0] += 0.5
    edges = [quantile_edges(column) for column in reference[:100_000].T]
    counted = [count_into(column, each) for column, each in zip(reference.T, edges, strict=True)]
    contenders: dict[str, Callable[[], list[float]]] = {
        "kreis, both sides": lambda: with_kreis(reference, current),
        "kreis, live side": lambda: with_kreis_live(edges, counted, current),
        "NumPy histograms": lambda: by_search(reference, current),
        "exact KS, sorting": lambda: exact_ks(reference, current),
    }
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            started, used = time.perf_counter(), time.process_time()
            found = run()
            wall[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - used)
            if not found[0] > 10 * max(abs(each) for each in found[1:]):
                raise SystemExit(f"{name} did not see the one column that moved: {found}")
    base = median(wall["exact KS, sorting"])
    print(f"{rows:,} x {COLUMNS} against {rows:,} x {COLUMNS}, medians of {ROUNDS}, alternating")
    for name in contenders:
        values = 2 * rows * COLUMNS if name != "kreis, live side" else rows * COLUMNS
        nanoseconds = median(cpu[name]) / values * 1e9
        ratio = base / median(wall[name])
        print(f"  {name:20} {median(wall[name]):7.3f} s  {nanoseconds:6.1f} ns CPU per value  {ratio:6.1f}x exact KS")


if __name__ == "__main__":
    main()
