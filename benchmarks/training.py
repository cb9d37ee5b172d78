"""What kreis adds to a bare LightGBM fit of the same rows. Run: python benchmarks/training.py [rows] [repeats]

Ours and bare alternate in one run; medians of wall seconds and of CPU seconds. The bare fit has the same settings and
threads, sees the same train rows and predicts the same test rows, by `Booster.predict`. Ours is `train`: a fit on
the fit part, conversion, threshold on the validation tail, refit on all train rows, conversion, check of the graph,
histograms; and `without refit` the same with one fit.
"""

import resource
import statistics
import sys
import time
import warnings

import lightgbm
import numpy as np

from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.data import TrainingData
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import train

METRIC = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)
HOUR = 3_600_000_000
FEATURES = 25
THREADS = 1


def history(rows):
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    outcomes = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.normal(size=rows) > 1
    matrix[generator.random(matrix.shape) < 0.05] = np.nan
    time_asked = np.int64(1_356_998_400_000_000) + np.linspace(0, 24 * 150 * HOUR, rows).astype(np.int64)
    return TrainingData(
        features=tuple(f"f{place}" for place in range(FEATURES)),
        matrix=matrix,
        outcomes=outcomes.astype(float),
        time=time_asked,
        known_at=time_asked + HOUR,
    )


def timed(work):
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rows=100_000, repeats=5):
    data = history(rows)
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    past, outcomes = data.matrix[split.train], data.outcomes[split.train].astype(np.float32)
    candidate = GradientBoosting()
    settings = candidate._settings(METRIC.task.loss, 0, THREADS)
    future = data.matrix[split.test]
    model = train(candidate, data, name="gbdt", split=split, task=METRIC.task, threads=THREADS)
    booster = lightgbm.train(settings, lightgbm.Dataset(past, outcomes, params=settings), candidate.trees)
    print("largest difference, ONNX against native:", abs(model.scorer().score(future) - booster.predict(future)).max())

    def ours(kind, **options):
        return lambda: train(kind, data, name="it", split=split, task=METRIC.task, threads=THREADS, **options)

    works = {
        "bare LightGBM fit": lambda: lightgbm.train(
            settings, lightgbm.Dataset(past, outcomes, params=settings), candidate.trees
        ),
        "kreis train": ours(candidate),
        "kreis train, without refit": ours(candidate, refit=False),
        "kreis train, logistic": ours(Logistic()),
        "native predict of the test part": lambda: booster.predict(future, num_threads=1),
        "kreis score of the test part": lambda scorer=model.scorer(): scorer.score(future),
    }
    results = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            results[name].append(timed(work))
    print(f"{len(past):,} train rows and {len(future):,} test rows of {FEATURES} features; medians of {repeats}")
    bases = {}
    for name, times in results.items():
        wall, cpu = (statistics.median(each[place] for each in times) for place in (0, 1))
        base = bases.setdefault("predict" if "test part" in name else "fit", (wall, cpu))
        print(f"  {name:32} {wall:7.3f} s  CPU {cpu:7.3f} s  ratio {wall / base[0]:5.2f}  CPU {cpu / base[1]:5.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*(int(each) for each in sys.argv[1:]))
