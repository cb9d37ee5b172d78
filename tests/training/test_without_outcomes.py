"""Candidates that ask for no outcomes, and those that refuse rows without one."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from tests.training.test_candidates import WITHOUT_OUTCOMES, imputed

from kreis.errors import ProjectError
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.kmeans import KMeans
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.candidates.robust_z_score import RobustZScore
from kreis.training.testing import FEATURES, LOSS, NUMBERS, example_rows


@pytest.mark.parametrize("make", WITHOUT_OUTCOMES.values(), ids=WITHOUT_OUTCOMES)
def test_what_asks_for_no_outcomes_scores_the_strange_rows_highest(make):
    matrix, outcomes = example_rows(numbers=True)
    matrix[:5, 0], matrix[:5, 2] = 9.0, -8.0
    one, same = (
        make().fit(matrix, given, FEATURES, loss=LOSS, seed=0, threads=1)
        for given in (outcomes, np.full(len(outcomes), np.nan))
    )
    scores = one.scorer().score(matrix)
    assert set(np.argsort(scores)[-5:]) == set(range(5))
    assert (same.scorer().score(matrix) == scores).all()


def test_a_robust_z_score_is_the_distance_from_the_median_in_deviations():
    column = np.array([[1.0], [2.0], [3.0], [4.0], [100.0]], np.float32)
    scores = RobustZScore().fit(column, column[:, 0], ["a"], loss=LOSS, seed=0, threads=1).scorer().score(column)
    assert scores.tolist() == pytest.approx([2 / 1.4826, 1 / 1.4826, 0.0, 1 / 1.4826, 97 / 1.4826])


SUPERVISED = (Logistic, GradientBoosting, Linear, Mean, lambda: imputed(LogisticRegression()), lambda: imputed(Ridge()))


@pytest.mark.parametrize("make", SUPERVISED)
def test_what_learns_from_outcomes_refuses_rows_without_one(make):
    matrix, outcomes = example_rows(numbers=True)
    outcomes[:7] = np.nan
    with pytest.raises(ProjectError, match="it learns from outcomes, and 7 of 600 training rows have none") as caught:
        make().fit(matrix, outcomes, FEATURES, loss=NUMBERS.loss, seed=0, threads=1)
    assert "IsolationForest()" in str(caught.value.hint)


def test_kmeans_finds_the_centres_that_there_are_and_says_how_stable_they_are():
    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    rows = (rng.normal(size=(600, 2)) + np.repeat(centres, 200, axis=0)).astype(np.float32)
    unknown = np.full(600, np.nan)
    fitted = KMeans(clusters=3).fit(rows, unknown, ["a", "b"], loss=LOSS, seed=0, threads=1)
    distances = fitted.scorer().score(rows)
    nearest = distances.argmin(axis=1)
    assert sorted(np.bincount(nearest).tolist()) == pytest.approx([200] * 3, abs=6)
    assert all(np.bincount(nearest[kind * 200 : kind * 200 + 200]).max() > 190 for kind in range(3))
    assert fitted.found["stability"] > 0.95
    noise = rng.normal(size=(600, 2)).astype(np.float32)
    loose = KMeans(clusters=7).fit(noise, unknown, ["a", "b"], loss=LOSS, seed=0, threads=1)
    assert loose.found["stability"] < 0.7
    assert KMeans(clusters=1).fit(noise, unknown, ["a", "b"], loss=LOSS, seed=0, threads=1).found == {}
    with pytest.raises(ProjectError, match="600 rows make no 601 clusters"):
        KMeans(clusters=601).fit(noise, unknown, ["a", "b"], loss=LOSS, seed=0, threads=1)
