"""What logging costs whoever logs: kreis beside MLflow on SQLite. Run: python benchmarks/tracking.py [points] [repeats]

One call for each point. Both alternate in one run; medians of the wall and CPU seconds of the calling loop, and the
seconds until all is on disk. MLflow is given fewer points (it takes milliseconds for each); where it is not installed
(`pip install mlflow`), kreis is measured alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from kreis.artifacts.folder import ArtifactFolder
from kreis.tracking.here import log
from kreis.tracking.points import Point, read_run
from kreis.tracking.tracker import Tracker

FEWER = 50
"""One of so many points is logged to MLflow."""
AT_MOST_MS = 0.05


def kreis(folder, points):
    tracker = Tracker(folder / "tracking", "run1", ArtifactFolder(folder / "artifacts"))
    with tracker.step("0" * 64, "training", "gbdt"):
        started, cpu = time.perf_counter(), time.process_time()
        for step in range(points):
            log(step=step, loss=1 / (step + 1))
        called, spent = time.perf_counter() - started, time.process_time() - cpu
    tracker.close()
    on_disk = time.perf_counter() - started
    kept = sum(isinstance(each, Point) for found in read_run(folder / "tracking" / "run1") for each in found.records)
    assert kept == points
    return called, spent, on_disk


def mlflow(folder, points):
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0, step=0)  # the database is made by the first call
        started, cpu = time.perf_counter(), time.process_time()
        for step in range(1, points):
            mlflow.log_metric("loss", 1 / step, step=step)
        called, spent = time.perf_counter() - started, time.process_time() - cpu
    return called, spent, called


def main(points=10_000, repeats=5):
    sides = {"kreis": (kreis, points)}
    if find_spec("mlflow"):
        sides["MLflow, SQLite"] = (mlflow, max(2, points // FEWER))
    else:
        print("MLflow is not installed (pip install mlflow): kreis is measured alone")
    times = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            for name, (work, count) in sides.items():
                place = Path(folder) / f"{name.partition(',')[0]}{repeat}"
                place.mkdir()
                times[name].append([each / count * 1e3 for each in work(place, count)])
    print(f"{'':16}{'points':>8}{'ms a call':>12}{'CPU ms':>10}{'ms on disk':>12}")
    medians = {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in times.items()}
    for name, (_, count) in sides.items():
        called, spent, on_disk = medians[name]
        print(f"{name:16}{count:8,}{called:12.4f}{spent:10.4f}{on_disk:12.4f}")
    if len(sides) > 1:
        print(f"MLflow / kreis: {medians['MLflow, SQLite'][0] / medians['kreis'][0]:,.0f}")
    assert medians["kreis"][0] <= AT_MOST_MS, f"a call takes more than {AT_MOST_MS} ms"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
