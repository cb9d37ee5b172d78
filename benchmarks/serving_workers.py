"""Throughput of one and of several workers behind one port, alternately, with the CPU time of each answer.

wrk asks on 64 connections without pause. Servers and load share all cores of the machine: with two cores, two workers
have what the load leaves them. One LightGBM model (500 trees), single rows.

    apt-get install wrk
    python benchmarks/serving_workers.py [--workers 2] [--seconds 4] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import serving
import wrk


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def measure(script: Path, port: int, pid: int, seconds: int) -> dict[str, float]:
    processes = family(pid)
    measured = wrk.ask(script, port, processes, 64, seconds)
    if measured["refusals_per_s"]:
        sys.exit("some requests were refused")
    return {**measured, "memory_mb": sum(map(serving.megabytes, processes))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    wrk.find()
    model, results = serving.train(given.trees), {1: [], given.workers: []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        script = wrk.write_script(Path(folder))
        running = {}
        for workers in results:
            root, port = Path(folder) / str(workers), serving.free_port()
            root.mkdir()
            command = serving.prepare(root, model, port, "process", workers)
            cores = tuple(os.sched_getaffinity(0))
            running[workers] = port, stack.enter_context(serving.running(command, port, root / "log.txt", cores))
        time.sleep(5.0)  # all workers are there, not only the first
        for port, pid in running.values():
            measure(script, port, pid, 1)
        for _ in range(given.rounds):
            for workers, (port, pid) in running.items():
                results[workers].append(measure(script, port, pid, given.seconds))
    report(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


def report(results: dict[int, list[dict[str, float]]]) -> None:
    print("workers    req/s   p50 µs   p99 µs  CPU µs/req    MB")
    for workers, measured in results.items():
        rate, p50, p99, cpu, memory = (
            statistics.median(each[what] for each in measured)
            for what in ("answers_per_s", "p50_us", "p99_us", "cpu_us_per_answer", "memory_mb")
        )
        print(f"{workers:>7} {rate:>8.0f} {p50:>8.0f} {p99:>8.0f} {cpu:>11.1f} {memory:>5.0f}")
    one, several = results.values()
    ratios = sorted(b["answers_per_s"] / a["answers_per_s"] for a, b in zip(one, several, strict=True))
    print(f"throughput {statistics.median(ratios):.2f} times one worker's ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
