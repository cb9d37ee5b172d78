"""What examinations add to a run: each that is asked by default, beside the training of the model that they examine.

    python benchmarks/examinations.py [rows] [columns] [trees]

A fifth of the rows judges, over 30 of 150 days; two columns to judge by, one category, a few missing values. Seconds of
CPU of all threads, and by how much the peak of memory grows. What is added by default may cost the larger of 10 seconds
and twice the training.
"""

from __future__ import annotations

import resource
import sys
import time
from functools import partial

import numpy as np

from kreis.arrays import Floats
from kreis.evaluation.evaluate import subject_of
from kreis.evaluation.examinations.examination import FeatureRows, Subject
from kreis.evaluation.examinations.kinds import EXAMINATIONS, examine
from kreis.evaluation.scored import Scored
from kreis.requirements.goal import Goal, Risk
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.task import Task
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.data import TrainingData
from kreis.training.preprocessing import fit_candidate
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import TrainedCandidate, train

DAY = 86_400_000_000
GOAL = Goal(
    question="Will it be paid?",
    decision="Lend.",
    metric=DecisionValue("EUR per 1,000", true_positive=100, false_positive=-60),
    risk=Risk.minimal(because="a benchmark"),
)


def rows_of(count: int, features: int) -> tuple[TrainingData, dict[str, np.ndarray]]:
    """Rows of half a year, and two columns by which people look."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(count, features)).astype(np.float32)
    matrix[:, 1] = rng.integers(0, 8, count)
    matrix[rng.random(count) < 0.05, 2] = np.nan
    wish = matrix[:, 0] + 0.5 * matrix[:, 3] * (matrix[:, 1] > 3) + 0.3 * np.nan_to_num(matrix[:, 2])
    time_of = np.arange(count, dtype=np.int64) * (150 * DAY // count)
    columns = {"sex": rng.choice(["f", "m"], count), "region": rng.choice(list("abcde"), count)}
    data = TrainingData(
        features=tuple(f"f{place}" for place in range(features)),
        matrix=matrix,
        outcomes=(wish + rng.logistic(size=count) > 0.5).astype(np.float64),
        time=time_of,
        known_at=time_of,
        categories={"f1": {float(each): f"kind {each}" for each in range(8)}},
        columns=columns,
    )
    return data, columns


def examined(data: TrainingData, columns: dict[str, np.ndarray], trained: TrainedCandidate, split: object) -> Subject:
    """The model on the rows that judge."""
    task: Task = GOAL.task
    places, scorer = split.judging, trained.scorer(threads=2)  # type: ignore[attr-defined]

    def rescore(matrix: np.ndarray, texts: object = None) -> Floats:
        return task.answers(scorer.score(np.ascontiguousarray(matrix), texts))

    behind = FeatureRows(
        trained=trained,
        scorer=scorer,
        data=data,
        split=split,  # type: ignore[arg-type]
        rescore=rescore,
        refit=lambda rows: fit_candidate(GradientBoosting(), rows, task, seed=0, threads=2).scorer(),
        ids=lambda: np.arange(len(data)).astype(object),
        entity_of=lambda feature: None,
    )
    return subject_of(
        Scored("gbdt", rescore(data.matrix[places]), trained.decision),
        GOAL,
        outcomes=data.outcomes[places],
        blocks=data.time[places] // DAY,
        groups={name: column[places] for name, column in columns.items()},
        judge_by=tuple(columns),
        features=behind,
    )


def main(count: int, features: int, trees: int) -> None:
    data, columns = rows_of(count, features)
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=GOAL.task)
    begun = time.process_time()
    trained = train(GradientBoosting(trees=trees), data, name="gbdt", split=split, task=GOAL.task, threads=2)
    training = time.process_time() - begun
    subject = examined(data, columns, trained, split)
    print(f"{count:,} x {features}, {trees} trees; {len(subject.rows):,} rows judge: training {training:.1f} s of CPU")
    added, peak = 0.0, partial(resource.getrusage, resource.RUSAGE_SELF)
    for each in EXAMINATIONS.values():
        if each.by_default:
            before, begun = peak().ru_maxrss, time.process_time()
            (found,) = examine([each], subject, lambda stage, done, total: None)
            taken = time.process_time() - begun
            added += taken
            grown = (peak().ru_maxrss - before) / 1024
            told = found.lacks or f"{len(found.findings)} findings, {len(found.serious)} serious"
            print(f"    {each.name:14} {taken:6.2f} s, {grown:4.0f} MiB more: {told}")
    print(f"added {added:.1f} s of CPU; allowed {max(10.0, 2 * training):.1f} s")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [300_000, 20, 200][len(given) :]))
