"""Loans of women and men, of whom women were said no to more often for nothing."""

from __future__ import annotations

import numpy as np

from kreis.expressions.scalars import category
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.data import TrainingData
from kreis.training.splits.at_random import RandomSplit
from kreis.training.splits.split import Split

TASK = DecisionValue("EUR", true_positive=1, false_positive=-1).task
NAMES = {float(category(name)): name for name in ("f", "m")}


def loans(count: int = 4_000) -> TrainingData:
    rng = np.random.default_rng(5)
    sex = rng.choice(["f", "m"], count)
    income, height = rng.normal(size=count), 0.3 * rng.normal(size=count) + (sex == "m")
    said_yes = rng.random(count) < 1 / (1 + np.exp(-1.5 * income - 1.2 * (sex == "m") + 0.6))
    times = np.arange(count, dtype=np.int64)
    group = np.array([float(category(each)) for each in sex])
    group[:50] = np.nan
    return TrainingData(
        features=("income", "height", "sex"),
        matrix=np.stack([income, height, group], axis=1).astype(np.float32),
        outcomes=said_yes.astype(float),
        time=times,
        known_at=times,
        categories={"sex": NAMES},
        columns={"sex": sex, "region": rng.choice(["n", "s"], count)},
    )


def split_of(rows: TrainingData) -> Split:
    return RandomSplit(seed=1).split(
        rows.time, rows.known_at, rows.outcomes, task=TASK, labels=np.arange(len(rows)).astype(str)
    )
