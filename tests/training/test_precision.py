"""Weights that are kept with fewer bits: smaller bytes, nearly the same scores, nothing of trees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from tests.evaluation.examinations.subjects import GOALS, rows_of

from kreis.errors import ProjectError
from kreis.models.scoring import OnnxScorer
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.precision import with_weights
from kreis.training.preprocessing import Preprocessing, fit_candidate

LAYERS = MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=100, random_state=0, tol=0)
NETWORK = Estimator(make_pipeline(SimpleImputer(), LAYERS))
TASK = GOALS["regression"].task


@pytest.fixture(scope="module")
def network():
    rows, _ = rows_of("regression", 400)
    with pytest.warns(UserWarning, match="iterations"):
        return rows, fit_candidate(NETWORK, rows, TASK, seed=0, threads=1)


@pytest.mark.parametrize(("kind", "share", "apart"), [("float16", 0.6, 2e-3), ("int8", 0.4, 4e-2)])
def test_with_weights_is_smaller_and_scores_nearly_alike(network, kind, share, apart):
    rows, fitted = network
    content = with_weights(fitted.form.content, kind)
    assert len(content) < share * len(fitted.form.content)
    before = fitted.scorer().score(rows.matrix)
    after = OnnxScorer.from_onnx(content).score(rows.matrix)
    assert np.abs(after - before).max() < apart * np.ptp(before)
    assert np.abs(after - before).max() > 0
    assert content == with_weights(fitted.form.content, kind)


def test_trees_have_no_weights_to_make_smaller():
    rows, _ = rows_of("regression", 400)
    trees = fit_candidate(GradientBoosting(trees=5, leaves=7), rows, TASK, seed=0, threads=1)
    assert with_weights(trees.form.content, "int8") is None
    with pytest.raises(ProjectError, match="would not become smaller"):
        fit_candidate(
            GradientBoosting(trees=5, leaves=7),
            rows,
            TASK,
            seed=0,
            threads=1,
            preprocessing=Preprocessing(precision="int8"),
        )


def test_a_candidate_is_fitted_with_the_precision_that_it_names(network):
    rows, fitted = network
    preprocessing = Preprocessing(precision="int8")
    with pytest.warns(UserWarning, match="iterations"):
        smaller = fit_candidate(NETWORK, rows, TASK, seed=0, threads=1, preprocessing=preprocessing)
    assert smaller.form.content == with_weights(fitted.form.content, "int8")
    assert preprocessing.parameters == {"precision": "int8"}
    assert Preprocessing().parameters == {}


def test_another_precision_is_refused():
    with pytest.raises(ProjectError, match="precision"):
        Preprocessing(precision="int4")
