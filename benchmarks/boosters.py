"""What it costs that boosters leave training as ONNX. Run: python benchmarks/boosters.py [rows] [repeats] [name]

For each booster and loss that converts, `Candidate.fit` (fit, conversion, proof on 2,000 rows and on missing values)
alternates with the bare library's fit of the same rows, settings and threads. Printed are medians of CPU seconds and
the ratio of the two, and its range over the repeats; asked for are at most 1.15 at 200,000 rows of 30 features.
`name` picks some: "XGBoost", "quantile".
"""

import resource
import statistics
import sys
import warnings

import lightgbm
import numpy as np
import xgboost

from kreis.tasks.task import Loss
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.xgboost import XGBoost

FEATURES, THREADS, SEED = 30, 1, 7
LOSSES = {
    "yes or no": Loss("log"),
    "class of 4": Loss("softmax", outputs=4),
    "number, squared": Loss("squared"),
    "number, absolute": Loss("absolute"),
    "number, quantile": Loss("quantile", 0.75),
    "count": Loss("poisson"),
    "sum, tweedie": Loss("tweedie"),
    "rank of 20": Loss("rank"),
}


def rows_of(count, loss):
    generator = np.random.default_rng(SEED)
    matrix = generator.normal(size=(count, FEATURES)).astype(np.float32)
    drawn = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.normal(size=count)
    matrix[generator.random(matrix.shape) < 0.05] = np.nan
    outcomes = {
        "log": drawn > 1,
        "softmax": np.digitize(drawn, [-1, 0, 1]),
        "poisson": generator.poisson(np.exp(np.clip(drawn, -3, 3))).astype(float),
        "tweedie": np.where(drawn > 0, np.exp(np.clip(drawn, 0, 4)), 0.0),
        "rank": np.clip(np.round(drawn), 0, 4),
    }
    return matrix, outcomes.get(loss.name, 100 + 20 * drawn), np.arange(count) // 20


def bare(kind, matrix, outcomes, groups, loss):
    settings = kind._settings(loss, SEED, THREADS)
    label = outcomes.astype(np.float32)
    sizes = np.unique(groups, return_counts=True)[1] if loss.name == "rank" else None
    if isinstance(kind, GradientBoosting):
        return lightgbm.train(settings, lightgbm.Dataset(matrix, label=label, group=sizes, params=settings), kind.trees)
    data = xgboost.QuantileDMatrix(matrix, label=label, max_bin=kind.bins, nthread=THREADS)
    if sizes is not None:
        data.set_group(sizes)
    return xgboost.train(settings, data, kind.trees)


def seconds(work):
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rows=200_000, repeats=5, name=""):
    print(f"{rows:,} rows of {FEATURES} features, {THREADS} thread; medians of {repeats}")
    names = [f"f{place}" for place in range(FEATURES)]
    for kind in (GradientBoosting(), XGBoost()):
        for said, loss in LOSSES.items():
            label = f"{type(kind).__name__}, {said}"
            if name not in label:
                continue
            matrix, outcomes, groups = rows_of(rows, loss)

            def ours(kind=kind, matrix=matrix, outcomes=outcomes, groups=groups, loss=loss):
                kind.fit(matrix, outcomes, names, loss=loss, seed=SEED, threads=THREADS, groups=groups)

            def theirs(kind=kind, matrix=matrix, outcomes=outcomes, groups=groups, loss=loss):
                bare(kind, matrix, outcomes, groups, loss)

            pairs = [(seconds(theirs), seconds(ours)) for _ in range(repeats)]
            theirs_s, ours_s = (statistics.median(each[place] for each in pairs) for place in (0, 1))
            ratios = sorted(b / a for a, b in pairs)
            ratio = statistics.median(ratios)
            print(
                f"  {label:36} bare {theirs_s:6.2f} s  as ONNX {ours_s:6.2f} s  ratio {ratio:.3f}"
                f" ({ratios[0]:.3f} to {ratios[-1]:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*(int(each) for each in sys.argv[1:3]), *sys.argv[3:4])
