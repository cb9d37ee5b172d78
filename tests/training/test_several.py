"""Several numbers from candidates that give one."""

from __future__ import annotations

import numpy as np
import onnx
import polars as pl
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from kreis.errors import ProjectError
from kreis.expressions.tree import Column
from kreis.tasks.task import Loss
from kreis.training.candidates.differenced import Differenced
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.candidates.rule import Rule
from kreis.training.graph import check_graph
from kreis.training.several import fit_outputs

LEVELS = (0.1, 0.5, 0.9)
QUANTILES = Loss("quantile", 0.5, outputs=3, levels=LEVELS)
LABELS = Loss("log", outputs=3)
FEATURES = ("a", "b", "c")


def rows(count: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Numbers whose spread grows with `b`."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 3)).astype(np.float32)
    return matrix, 10 * matrix[:, 0] + np.exp(0.8 * matrix[:, 1]) * rng.normal(size=count)


def fitted(candidate, matrix, outcomes, loss):
    found = fit_outputs(candidate, matrix, outcomes, FEATURES, loss=loss, seed=3, threads=1)
    check_graph(found.form.content, 3)
    return found.scorer().score


def covered(score, matrix, outcomes):
    scores = score(matrix)
    assert scores.shape == (len(matrix), 3)
    assert (np.diff(scores, axis=1) >= 0).all(), "quantiles cross"
    return [(outcomes <= column).mean() for column in scores.T]


OF_NUMBERS = {
    "boosting": GradientBoosting(trees=80, leaves=15),
    "boosting by another loss": GradientBoosting(trees=80, leaves=15, loss="squared"),
    "differences": Differenced(GradientBoosting(trees=80, leaves=15), against=Column("a")),
    "linear": Linear(),
    "mean": Mean(),
}


@pytest.mark.parametrize("candidate", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_each_quantile_is_enough_in_about_its_share_of_new_rows(candidate):
    score = fitted(candidate, *rows(3_000), QUANTILES)
    shares = covered(score, *rows(4_000, seed=6))
    assert shares == pytest.approx(LEVELS, abs=0.06)


def test_an_estimators_errors_are_those_on_rows_that_it_does_not_know():
    forest = Estimator(make_pipeline(SimpleImputer(), RandomForestRegressor(20, random_state=0)))
    shares = covered(fitted(forest, *rows(800), QUANTILES), *rows(2_000, seed=6))
    assert shares == pytest.approx(LEVELS, abs=0.08)


def test_boosters_learn_where_the_spread_is_wide_and_a_line_does_not():
    matrix = np.array([[0, -2, 0], [0, 2, 0]], np.float32)
    for candidate, grows in ((GradientBoosting(trees=80, leaves=15), True), (Linear(), False)):
        width = np.ptp(fitted(candidate, *rows(3_000), QUANTILES)(matrix), axis=1)
        assert (width[1] > 3 * width[0]) == grows


def test_a_rule_gives_its_one_number():
    found = fit_outputs(Rule(Column("a")), *rows(100), FEATURES, loss=QUANTILES, seed=3, threads=1)
    assert found.scorer().score(rows(7)[0]).shape == (7,)


def labels(matrix: np.ndarray, seed: int = 8) -> np.ndarray:
    """Two labels that follow `a` and `b`, and one that no row carries."""
    noise = np.random.default_rng(seed).logistic(size=(len(matrix), 2))
    carried = 2 * matrix[:, :2] + noise > 0
    return np.concatenate([carried, np.zeros((len(matrix), 1), dtype=bool)], axis=1)


OF_LABELS = {"boosting": GradientBoosting(trees=30, leaves=7), "logistic": Logistic(), "mean": Mean()}


@pytest.mark.parametrize("candidate", OF_LABELS.values(), ids=OF_LABELS)
def test_each_label_gets_the_probability_that_its_own_model_gives(candidate):
    matrix, _ = rows(1_000)
    carried = labels(matrix)
    scores = fitted(candidate, matrix, carried, LABELS)(matrix)
    assert np.abs(scores.mean(axis=0) - carried.mean(axis=0)).max() < 0.02
    assert scores[:, 2].max() == 0
    for place in (0, 1):
        alone = candidate.fit(matrix, carried[:, place], FEATURES, loss=Loss("log"), seed=3, threads=1)
        assert np.abs(alone.scorer().score(matrix) - scores[:, place]).max() < 1e-6


def test_the_models_share_one_graph():
    matrix, _ = rows(600)
    found = fit_outputs(Logistic(), matrix, labels(matrix), FEATURES, loss=LABELS, seed=3, threads=1)
    model = onnx.load_from_string(found.form.content)
    assert [each.name for each in model.graph.input] == ["features"]
    assert [node.op_type for node in model.graph.node].count("Sigmoid") == 2


def test_what_leaves_is_repeatable():
    matrix, outcomes = rows(500)
    one, other = (
        fit_outputs(GradientBoosting(trees=5), matrix, outcomes, FEATURES, loss=QUANTILES, seed=3, threads=1)
        for _ in range(2)
    )
    assert one.form == other.form


def test_what_does_not_become_onnx_gives_no_several_numbers():
    class Written:
        def fit(self, matrix, outcomes, features, **_):
            return Rule(pl.col("a")).fit(matrix, outcomes, features, loss=Loss("squared"), seed=0, threads=1)

    with pytest.raises(ProjectError, match="does not become ONNX"):
        fit_outputs(Written(), *rows(50), FEATURES, loss=QUANTILES)
