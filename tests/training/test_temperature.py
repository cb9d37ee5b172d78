"""A temperature or offsets go into the model: what is evaluated, packaged and served is the same."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.models.temperature import at_temperature
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.data import TrainingData
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import train

CLASSES = [f"class {place:02}" for place in range(12)]
COSTS = CostMatrix("EUR", CLASSES)
TASK = COSTS.task
FEATURES = tuple("abcdefgh")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """Twelve classes, each around a point of its own."""
    rng = np.random.default_rng(4)
    places = rng.integers(0, 12, 3_000)
    points = rng.normal(size=(12, 8)) * 1.5
    time = np.int64(1_356_998_400_000_000) + np.arange(3_000, dtype=np.int64) * 3_600_000_000
    outcomes = COSTS.numbers([CLASSES[each] for each in places])
    matrix = (points[places] + rng.normal(size=(3_000, 8))).astype(np.float32)
    return TrainingData(features=FEATURES, matrix=matrix, outcomes=outcomes, time=time, known_at=time)


def test_a_model_that_is_not_sure_enough_is_made_surer_in_its_graph(data: TrainingData):
    split = TimeSplit(test="20d").split(data.time, data.known_at, data.outcomes, task=TASK)
    found = train(Logistic(c=1e-3), data, name="logistic", split=split, task=TASK, refit=False)
    temperature = found.training["decision"]["temperature"]
    assert temperature < 0.7
    test = data.take(split.test)
    plain = Logistic(c=1e-3).fit(
        data.matrix[split.fit], TASK.labels(data.outcomes[split.fit]), data.features, loss=TASK.loss, seed=0, threads=1
    )
    said, own = (each.scorer().score(test.matrix) for each in (found, plain))
    assert np.abs(said - at_temperature(own, temperature)).max() < 1e-5
    losses = [TASK.validated(each, test.outcomes, TASK.plain)["log_loss"] for each in (said, own)]
    assert losses[0] < losses[1] - 0.1
    again = train(Logistic(c=1e-3), data, name="logistic", split=split, task=TASK)
    assert again.training["decision"]["temperature"] == temperature
    assert TASK.validated(again.scorer().score(test.matrix), test.outcomes, TASK.plain)["log_loss"] < losses[1] - 0.1


def test_quantiles_that_are_too_narrow_are_moved_apart_in_the_graph():
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(2_000, 8)).astype(np.float32)
    outcomes = matrix[:, 0] + rng.normal(size=2_000)
    time = np.int64(1_356_998_400_000_000) + np.arange(2_000, dtype=np.int64) * 3_600_000_000
    data = TrainingData(features=FEATURES, matrix=matrix, outcomes=outcomes, time=time, known_at=time)
    task = ErrorCost("EUR", over=1.0, under=1.0, quantiles=(0.1, 0.9)).task
    split = TimeSplit(test="20d").split(data.time, data.known_at, data.outcomes, task=task)
    found = train(GradientBoosting(rows_per_leaf=5), data, name="gbdt", split=split, task=task, refit=False)
    low, _, high = found.training["decision"]["offsets"]
    assert low < 0 < high
    scores = found.scorer().score(data.matrix[split.test])
    happened = data.outcomes[split.test]
    covered = (scores[:, 0] <= happened) & (happened <= scores[:, 2])
    assert covered.mean() == pytest.approx(0.8, abs=0.07)
    assert (np.diff(scores, axis=1) >= 0).all()
