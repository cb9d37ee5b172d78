"""What the reasons of an answer cost. Run: python benchmarks/explanations.py [repeats]

For models of several sizes the contributions of one row, and of 500, are computed by the arrays of a package and by
LightGBM's own `pred_contrib` (one thread), in turns. Printed are medians, the largest difference between the two, the
size of what is kept beside that of the graph, and what is prepared once. Asked for is at most 1 ms for one row of 200
trees with 15 leaves. Last, what the part `Reasons(3)` adds to an answer, by the code that the service runs.
"""

import statistics
import sys
import time

import lightgbm
import numpy as np

from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.answer_parts.testing import Asked
from kreis.models.explanations.explainer import Explanation
from kreis.training.candidates.gradient_boosting import booster_to_onnx
from kreis.training.explaining.lightgbm import lightgbm_sum

FEATURES, ROWS = 20, 20_000
NOTHING = Asked()
NAMES = tuple(f"f{place}" for place in range(FEATURES))


def booster_of(trees, leaves):
    generator = np.random.default_rng(7)
    matrix = generator.normal(size=(ROWS, FEATURES)).astype(np.float32)
    target = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + np.sin(3 * matrix[:, 3]) + generator.normal(size=ROWS)
    matrix[generator.random(matrix.shape) < 0.05] = np.nan
    settings = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "num_threads": 1, "seed": 7}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, target > 0), trees), matrix


def milliseconds(work):
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1e6


def in_turns(ours, theirs, repeats):
    pairs = [(milliseconds(ours), milliseconds(theirs)) for _ in range(repeats)]
    return [statistics.median(each[place] for each in pairs) for place in (0, 1)]


def main(repeats=300):
    print(f"{FEATURES} features, one thread; medians of {repeats} turns")
    for trees, leaves in ((200, 15), (500, 31), (1_000, 63)):
        booster, matrix = booster_of(trees, leaves)
        kept = Explanation.of(lightgbm_sum(booster, NAMES))
        graph = len(booster_to_onnx(booster, FEATURES))
        explainer, prepared = kept.explainer(FEATURES), milliseconds(lambda kept=kept: kept.explainer(FEATURES))
        said = booster.predict(matrix[:500], pred_contrib=True, num_threads=1)
        apart = np.abs(explainer.explain(matrix[:500]).features[:, 0] - said[:, :-1]).max()
        for count, turns in ((1, repeats), (500, 5)):
            rows = matrix[:count]
            one, other = in_turns(
                lambda rows=rows, explainer=explainer: explainer.explain(rows),
                lambda rows=rows, booster=booster: booster.predict(rows, pred_contrib=True, num_threads=1),
                turns,
            )
            print(f"  {trees} x {leaves}, {count:3} rows: kreis {one:8.3f} ms, LightGBM {other:8.3f} ms")
        sizes = f"{kept.size / 1e6:.2f} MB beside a graph of {graph / 1e6:.2f} MB"
        print(f"    largest difference {apart:.1e}; {sizes}; prepared in {prepared:.0f} ms")
        part = FeatureReasons(most=3, explanation=kept.stored)
        opened = part.open({kept.sha256: kept.content}.__getitem__, NAMES)
        spent = statistics.median(
            milliseconds(lambda row=row, opened=opened: opened.one(row, 0.5, NOTHING)) for row in matrix[:repeats]
        )
        print(f"    Reasons(3) adds {spent:.3f} ms to an answer")


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
