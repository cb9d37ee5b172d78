"""Small models of features that were really trained, as examinations are given them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.evaluation.evaluate import subject_of
from kreis.evaluation.examinations.examination import FeatureRows, Subject
from kreis.evaluation.scored import Scored
from kreis.models.scoring import Scorer
from kreis.requirements.goal import Goal, Risk
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.goal_metric import GoalMetric
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidate import Candidate
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.data import TrainingData
from kreis.training.preprocessing import fit_candidate
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import train

DAY = 86_400_000_000
START = 1_356_998_400_000_000
FEATURES = ("income", "age", "colour", "noise")
COLOURS = {0.0: "blue", 1.0: "green", 2.0: "red"}
GOALS: dict[str, GoalMetric] = {
    "binary": DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35),
    "regression": ErrorCost("EUR per 1,000", over=1.0, under=2.0),
    "multiclass": CostMatrix("EUR per 1,000", ("low", "middle", "high")),
}


def goal_of(kind: str) -> Goal:
    risk = Risk.minimal(because="a test")
    return Goal(question="What will it be?", decision="Act.", metric=GOALS[kind], risk=risk, least=20)


def rows_of(kind: str, count: int = 1_500, seed: int = 0) -> tuple[TrainingData, dict[str, Any]]:
    """Rows over some 150 days, and columns by which people look: "sex" (with missing ones) and "region"."""
    rng = np.random.default_rng(seed)
    income, age, noise = rng.normal(size=count), rng.uniform(18, 80, count), rng.normal(size=count)
    colour, sex = rng.integers(0, 3, count).astype(float), rng.choice(["f", "m"], count)
    income[rng.random(count) < 0.05] = np.nan
    wish = np.nan_to_num(income) + (age - 49) / 20 + 0.8 * (colour == 2) + 0.5 * (sex == "m")
    wish = wish + rng.logistic(size=count)
    missing, region = rng.random(count) < 0.03, rng.choice(["north", "south", "west"], count)
    time = np.int64(START) + np.arange(count, dtype=np.int64) * (150 * DAY // count)
    data = TrainingData(
        features=FEATURES,
        matrix=np.stack([income, age, colour, noise], axis=1).astype(np.float32),
        outcomes=_outcomes(kind, wish),
        time=time,
        known_at=time + DAY // 2,
        categories={"colour": COLOURS},
        columns={"sex": np.where(missing, "missing", sex), "region": region},
    )
    return data, {"sex": np.where(missing, None, sex.astype(object)), "region": region}


def _outcomes(kind: str, wish: Floats) -> Floats:
    if kind == "binary":
        return (wish > 0.5).astype(np.float64)
    if kind == "regression":
        return wish * 10
    named = np.array(["low", "middle", "high"])[np.digitize(wish, [-0.5, 1.0])]
    return GOALS[kind].task.read_outcomes(pl.Series(named.tolist()), None, where="rows").to_numpy()


def subject_with(
    goal: Goal, data: TrainingData, columns: Mapping[str, Any], *, candidate: Candidate | None = None
) -> Subject:
    """A model that learned from rows until 30 days before their end, and is judged by the rest."""
    task = goal.task
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=task)
    learner = candidate or GradientBoosting(trees=30, leaves=7)
    trained = train(learner, data, name="gbdt", split=split, task=task)
    tested, scorer = split.judging, trained.scorer(threads=1)

    def rescore(matrix: Any, texts: Any = None) -> Floats:
        return task.answers(scorer.score(np.ascontiguousarray(matrix), texts))

    def refit(rows: TrainingData) -> Scorer:
        return fit_candidate(learner, rows, task, seed=0, threads=1).scorer()

    def ids() -> Any:
        return np.array([f"row {place}" for place in range(len(data))], dtype=object)

    customers = np.arange(len(data), dtype=np.int64) % 40

    def entity_of(feature: str) -> Any:
        return customers if feature == "income" else None

    behind = FeatureRows(
        trained=trained,
        scorer=scorer,
        data=data,
        split=split,
        rescore=rescore,
        refit=refit,
        ids=ids,
        entity_of=entity_of,
    )
    return subject_of(
        Scored("gbdt", rescore(data.matrix[tested]), trained.decision),
        goal,
        outcomes=data.outcomes[tested],
        blocks=data.time[tested] // DAY,
        groups={name: np.asarray(column)[tested] for name, column in columns.items()},
        judge_by=tuple(columns),
        features=behind,
    )


@cache
def subject(kind: str) -> Subject:
    """One of "binary", "regression" and "multiclass"; made once."""
    return subject_with(goal_of(kind), *rows_of(kind))


def without_features(kind: str = "binary") -> Subject:
    """The same model as one of which nothing but its scores is known, as one that answers questions."""
    from dataclasses import replace

    return replace(subject(kind), features=None)
